/**
 * Files by digest, up and down. Ranges follow RFC 9110, section 14: one range, else the whole file.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as v from 'valibot';
import { isEncoded } from '../../shared/content-encoding.ts';
import { FettleError } from '../../shared/errors.ts';
import { DigestText } from '../../shared/protocol/fields.ts';
import type { Blobs } from '../store/blobs.ts';
import { matches } from './etag.ts';
import { type Api, addRoute } from './route.ts';

const BlobPath = v.object({ digest: DigestText });
const Stored = v.object({ digest: DigestText, bytes: v.number() });

export function addBlobRoutes(api: Api, blobs: Blobs): void {
  addRoute(api, {
    method: 'PUT',
    url: '/api/v1/blobs/:digest',
    summary: 'Stores a file (application/octet-stream) under its digest',
    tag: 'blobs',
    access: 'operator',
    params: BlobPath,
    answers: { 200: Stored, 201: Stored },
    async handle({ params: { digest }, request, reply }) {
      const present = await blobs.sizeOf(digest);
      if (present !== null) return { digest, bytes: present };
      if (!(request.body instanceof Readable)) {
        const expected = 'content-type application/octet-stream';
        const got = request.headers['content-type'] ?? 'none';
        throw new FettleError('BAD_ARGUMENT', { what: 'body', expected, got });
      }
      const length = lengthOf(request);
      try {
        const bytes = await blobs.put({ digest, stream: request.body, length });
        reply.code(201);
        return { digest, bytes };
      } catch (thrown) {
        // What is left of the body isn't read: the connection can't be used again.
        reply.header('connection', 'close');
        throw thrown;
      }
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/blobs/:digest',
    summary: 'A file by its digest, or a range of it; HEAD gives its size',
    tag: 'blobs',
    access: 'known',
    params: BlobPath,
    answers: { 200: v.string(), 206: v.string() },
    handle: ({ params, request, reply }) => sendBlob(blobs, params.digest, { request, reply }),
  });
}

export async function sendBlob(
  blobs: Blobs,
  digest: string,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<unknown> {
  const size = await blobs.sizeOf(digest);
  if (size === null) throw new FettleError('NOT_FOUND', { what: `file ${digest}` });
  const etag = `"${digest}"`;
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    // The name is the content.
    'cache-control': 'private, max-age=31536000, immutable',
  });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? rangeOf(request, size) : null;
  if (range === 'unsatisfiable') {
    return reply.code(416).header('content-range', `bytes */${size}`).send();
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.header('content-length', end - start + 1);
  if (request.method === 'HEAD') return sendHead(reply);
  if (size === 0) return reply.send('');
  return reply.send(blobs.read(digest, { start, end }));
}

/** The framework would replace the length by that of the body, which isn't sent. */
function sendHead(reply: FastifyReply): FastifyReply {
  reply.hijack();
  const headers = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]);
  reply.raw.writeHead(reply.statusCode, Object.fromEntries(headers)).end();
  return reply;
}

type Range = { start: number; end: number };

function rangeOf(request: FastifyRequest, size: number): Range | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const [, first = '', last = ''] = match;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length > 0 ? { start: size - length, end: size - 1 } : 'unsatisfiable';
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return null;
  return start < size ? { start, end } : 'unsatisfiable';
}

function lengthOf(request: FastifyRequest): number | null {
  const { 'content-length': text, 'content-encoding': encoding } = request.headers;
  return text === undefined || isEncoded(encoding) ? null : Number(text);
}
