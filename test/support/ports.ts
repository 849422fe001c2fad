/** Ports: one nobody uses, and servers on one of their own. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:net';
import type { Owner } from './owner.ts';

/** For a server that cannot choose one itself. */
export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** The server's address on the loopback; it ends, and its connections, when the owner does. */
export async function listenUntilEnd(t: Owner, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}
