/**
 * Bodies that their sender compressed (RFC 9110, 8.4). They are inflated piece by piece, so that
 * whoever reads with a limit holds no more than that of them.
 */
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { FettleError, reasonOf } from './errors.ts';

/** What is taken, as a client is told it. */
export const acceptedEncodings = 'gzip, deflate';

/** `deflate` is zlib's format, RFC 1950, as the registry has it. */
const inflaters = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
]);

/** A stream that knows how many bytes came in, which is what the sender declared. */
export type Inflated = Readable & { receivedEncodedLength?: number };

/** Whether the length that was declared is not that of the content. */
export function isEncoded(encoding: string | undefined): boolean {
  return encoding !== undefined && encoding.trim().toLowerCase() !== 'identity';
}

/** The content of a body. Throws `ENCODING_UNSUPPORTED`. */
export function inflated(body: Readable, encoding: string | undefined): Inflated {
  if (encoding === undefined || !isEncoded(encoding)) return body;
  const create = inflaters.get(encoding.trim().toLowerCase());
  if (!create) {
    const got = encoding.slice(0, 100);
    throw new FettleError('ENCODING_UNSUPPORTED', { got, expected: acceptedEncodings });
  }
  const inflater = create();
  const stream: Inflated = inflater;
  let received = 0;
  body.on('data', (chunk: Buffer) => {
    received += chunk.length;
    stream.receivedEncodedLength = received;
  });
  // Who reads hears of a fault; where nobody reads any more it is no news.
  inflater.on('error', () => {});
  // Whoever gives up on the content can still answer: the body is left, not destroyed.
  body.pipe(inflater);
  body.once('error', (thrown) => stream.destroy(thrown));
  body.once('close', () => {
    if (!body.readableEnded) stream.destroy(new Error('the body ended early'));
  });
  return stream;
}

/** What a body that is not what its header says throws while it is read; null for all else. */
export function encodingFault(thrown: unknown): FettleError | null {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (!code.startsWith('Z_')) return null;
  const expected = 'what its content-encoding says';
  return new FettleError('BAD_ARGUMENT', { what: 'body', expected, got: reasonOf(thrown) });
}
