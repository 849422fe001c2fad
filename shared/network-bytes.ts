/** Bytes that this process sent and received over the connections that it was told of. */
import type { Socket } from 'node:net';

export interface NetworkBytes {
  readonly sent: number;
  readonly received: number;
}

const open = new Set<Socket>();
const closed = { sent: 0, received: 0 };

/** Counts a connection until it is closed; one that is known already is not counted again. */
export function countSocket(socket: Socket): void {
  if (open.has(socket) || socket.destroyed) return;
  open.add(socket);
  socket.once('close', () => {
    open.delete(socket);
    closed.sent += socket.bytesWritten;
    closed.received += socket.bytesRead;
  });
}

/** Since the process started. */
export function networkBytes(): NetworkBytes {
  let { sent, received } = closed;
  for (const socket of open) {
    sent += socket.bytesWritten;
    received += socket.bytesRead;
  }
  return { sent, received };
}
