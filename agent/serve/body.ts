/** Reads a request's body so that the raw tensors behind its JSON lie aligned, and need no copy. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { encodingFault, inflated, isEncoded } from '../../shared/content-encoding.ts';
import { FettleError } from '../../shared/errors.ts';
import { wrong } from './inference/wrong.ts';

export interface Body {
  readonly json: Uint8Array;
  readonly tail: Uint8Array<ArrayBuffer>;
}

/** Of the largest element. */
const alignment = 8;

/**
 * A compressed body is inflated; limit and `jsonBytes` speak of what it holds. `jsonBytes` is how
 * much of it is JSON; null is all of it. Throws `TOO_LARGE` as soon as
 * that is known, `BAD_ARGUMENT` where the body ends early.
 */
export async function readBody(
  request: IncomingMessage,
  jsonBytes: number | null,
  bytesMax: number,
): Promise<Body> {
  const text = request.headers['content-length'];
  const declared = text === undefined ? null : Number(text);
  if (declared !== null && declared > bytesMax) throw tooLarge(declared, bytesMax);
  const encoding = request.headers['content-encoding'];
  const isKnown = declared !== null && !isEncoded(encoding);
  const bytes = isKnown ? null : await collect(inflated(request, encoding), bytesMax);
  const length = bytes?.length ?? declared ?? 0;
  const split = jsonBytes ?? length;
  if (split > length) throw wrong('Inference-Header-Content-Length', `at most ${length}`, split);
  const padding = (alignment - (split % alignment)) % alignment;
  const all = new Uint8Array(new ArrayBuffer(padding + length), padding, length);
  if (bytes) all.set(bytes);
  else await fill(request, all);
  return { json: all.subarray(0, split), tail: all.subarray(split) };
}

async function fill(request: IncomingMessage, all: Uint8Array): Promise<void> {
  let at = 0;
  for await (const chunk of request) {
    all.set(chunk, at);
    at += chunk.length;
  }
  if (at < all.length) throw wrong('body', `${all.length} bytes`, at);
}

async function collect(body: Readable, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw encodingFault(thrown) ?? thrown;
  }
  return Buffer.concat(chunks);
}

function tooLarge(got: number, limit: number): FettleError {
  return new FettleError('TOO_LARGE', { what: 'request body', got, limit });
}
