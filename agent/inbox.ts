/**
 * The body of an HTTP answer, piece by piece, with what came before a break: reading a stream with
 * `for await` loses everything that was received and not yet read when the connection breaks.
 */
import type { IncomingMessage } from 'node:http';

export interface Inbox {
  /** The next piece; null at the end. Throws why the connection broke, after what came before. */
  next(): Promise<Buffer | null>;
}

/** What may wait in memory; beyond it the sender is slowed down. */
const waitingBytesMax = 1 << 20;

/** Listens from now on: to be called in the same turn in which the answer came. */
export function openInbox(response: IncomingMessage): Inbox {
  const waiting: Buffer[] = [];
  let bytes = 0;
  let end: { readonly fault: Error | null } | null = null;
  let bell = Promise.withResolvers<void>();
  const finish = (fault: Error | null) => {
    end ??= { fault };
    bell.resolve();
  };
  response.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes > waitingBytesMax) response.pause();
    bell.resolve();
  });
  response.on('end', () => finish(null));
  response.on('error', finish);
  response.on('close', () => finish(new Error('the connection was closed')));
  return {
    async next() {
      while (waiting.length === 0 && end === null) {
        await bell.promise;
        bell = Promise.withResolvers<void>();
      }
      const chunk = waiting.shift();
      if (chunk === undefined) {
        if (end?.fault) throw end.fault;
        return null;
      }
      bytes -= chunk.length;
      if (bytes <= waitingBytesMax) response.resume();
      return chunk;
    },
  };
}
