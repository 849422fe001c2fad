/** Ports for servers that cannot choose one themselves. */
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
