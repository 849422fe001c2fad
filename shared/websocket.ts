/**
 * The one door to WebSockets, as a stream of bytes. The package is loaded with the first
 * connection: an agent whose broker is reached by TCP has no memory for it.
 */
import type { Duplex } from 'node:stream';
import { countSocket } from './network-bytes.ts';
import { agentFor } from './proxy.ts';

/** A frame may hold several messages of MQTT, each of at most 1 MiB. */
const frameBytesMax = 16 << 20;

/** Speaks MQTT [MQTT-6.0.0-3] with the server at this address; `tls` are options of `node:tls`. */
export function openWebSocket(url: string, tls: Readonly<Record<string, Buffer>> = {}): Duplex {
  const { createRequire } = process.getBuiltinModule('node:module');
  const { WebSocket, createWebSocketStream }: typeof import('ws') = createRequire(import.meta.url)(
    'ws',
  );
  // A proxy lets WebSockets through where it sees a tunnel of TLS.
  const agent = url.startsWith('wss:') ? agentFor(url.replace('wss:', 'https:')) : undefined;
  const socket = new WebSocket(url, 'mqtt', {
    ...(agent && { agent }),
    ...tls,
    maxPayload: frameBytesMax,
    // Messages are small, and each connection's compressor takes memory.
    perMessageDeflate: false,
  });
  socket.on('upgrade', (response) => countSocket(response.socket));
  return createWebSocketStream(socket);
}
