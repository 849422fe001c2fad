/** What stands before a controller: a reverse proxy with a path, and answers that get lost. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Owner } from './owner.ts';
import { listenUntilEnd } from './ports.ts';

export interface GatewayOptions {
  /** The address behind it. */
  readonly to: string;
  /** The path under which it offers that, taken away from what is asked; '' is none. */
  readonly path?: string;
  /** So many answers to requests of this path are not passed on: the connection ends. */
  readonly cut?: { readonly path: string; readonly answers: number };
  /** Speaks TLS with this certificate and key, in PEM. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
}

export interface Gateway {
  /** With its path. */
  readonly url: string;
  /** What was asked of it, as it came. */
  readonly asked: readonly string[];
}

/** It ends with its owner. */
export async function startGateway(t: Owner, options: GatewayOptions): Promise<Gateway> {
  const { path = '', tls } = options;
  const asked: string[] = [];
  let left = options.cut?.answers ?? 0;
  const handle = (incoming: IncomingMessage, response: ServerResponse) => {
    asked.push(incoming.url ?? '');
    const target = behind(options, incoming);
    if (target === null) return void response.writeHead(404).end('nothing here');
    const { method, headers } = incoming;
    const passed = request(target, { method, headers }, (answer) => {
      if (left > 0 && target.pathname === options.cut?.path) {
        left -= 1;
        incoming.socket.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  };
  const server = tls ? createTlsServer(tls, handle) : createServer(handle);
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    asked.push(incoming.url ?? '');
    const target = behind(options, incoming);
    if (target === null) return void socket.destroy();
    upgrade(target, incoming, socket);
    t.teardown(() => socket.destroy());
  });
  const at = await listenUntilEnd(t, server);
  return { url: `${tls ? at.replace('http:', 'https:') : at}${path}`, asked };
}

function behind({ to, path = '' }: GatewayOptions, { url = '/' }: IncomingMessage): URL | null {
  if (!url.startsWith(`${path}/`) && url !== path) return null;
  return new URL(url.slice(path.length) || '/', to);
}

function upgrade(target: URL, { method, headers }: IncomingMessage, socket: Duplex): void {
  const onward = connect(Number(target.port), target.hostname);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  onward.write(`${method} ${target.pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  onward.pipe(socket).pipe(onward);
  for (const end of [onward, socket]) {
    end.on('error', () => {});
    end.on('close', () => {
      onward.destroy();
      socket.destroy();
    });
  }
}
