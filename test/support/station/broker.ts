/** A real broker in this process, where one password opens everything. */
import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import type { Owner } from '../owner.ts';

export interface Broker {
  readonly url: string;
  /** Ends every connection but those of the client `station`. */
  drop(): void;
  /** From now on nobody new is let in. */
  refuse(refusing: boolean): void;
}

export const brokerPassword = 'secret';

export async function startBroker(t: Owner): Promise<Broker> {
  let refusing = false;
  const sockets = new Set<Socket>();
  const clients = new Map<string, { close(): void }>();
  const aedes = await Aedes.createBroker({
    // As aedes calls it: the client, the name, the password, and what is to be called back.
    authenticate: (...[, , given, done]) =>
      done(null, !refusing && given?.toString() === brokerPassword),
  });
  aedes.on('client', (client) => clients.set(client.id, client));
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  t.teardown(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    drop() {
      for (const [id, client] of clients) if (id !== 'station') client.close();
    },
    refuse(next) {
      refusing = next;
    },
  };
}
