/** Ports that can be listened on: the usual one where it is free, otherwise any. */
import { createServer } from 'node:net';

/**
 * The preferred port of the loopback, or a free one where it is taken. `taken` are never chosen.
 */
export async function freePort(preferred: number, taken: ReadonlySet<number>): Promise<number> {
  const first = taken.has(preferred) ? null : await tryPort(preferred);
  if (first !== null) return first;
  const any = await tryPort(0);
  return any === null || taken.has(any) ? freePort(0, taken) : any;
}

/** The port that was listened on for a moment, or null where that failed. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const got = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve(got));
    });
  });
}
