/**
 * Entity tags of documents (RFC 9110, 8.8.3): whoever asks again for what has not changed gets 304
 * and no body.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { digestOf } from '../../shared/digest.ts';

/** Hex digits of the digest that a tag carries: 128 bits. */
const tagChars = 32;

/** What is sent instead of the document, as a hook of Fastify's `onSend`. */
export async function tagDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (!reads || reply.statusCode !== 200 || typeof payload !== 'string') return payload;
  if (!/^application\/json\b/.test(String(reply.getHeader('content-type')))) return payload;
  const tag = `"${digestOf(payload).slice(-tagChars)}"`;
  // It may be kept, by whoever asked alone, and is asked for again each time.
  reply.header('etag', tag).header('cache-control', 'private, no-cache');
  if (!matches(request.headers['if-none-match'], tag)) return payload;
  reply.code(304).removeHeader('content-type').removeHeader('content-length');
  return null;
}

/** RFC 9110, 13.1.2: a list of tags, compared weakly, or `*`. */
export function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}
