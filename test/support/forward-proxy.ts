/**
 * A forward proxy, for addresses in full (RFC 9112, 3.2.2) and tunnels (RFC 9110, 9.3.6). Whatever
 * a host is called, it is this machine.
 */
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Owner } from './owner.ts';
import { listenUntilEnd } from './ports.ts';

export interface ForwardProxy {
  readonly url: string;
  /** `GET http://host:1/path` and `CONNECT host:1`. */
  readonly asked: readonly string[];
}

/** It ends with its owner. */
export async function startForwardProxy(t: Owner): Promise<ForwardProxy> {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    const { method, url = '', headers } = incoming;
    asked.push(`${method} ${url}`);
    const { port, pathname, search } = new URL(url);
    const options = { host: '127.0.0.1', port, path: `${pathname}${search}`, method, headers };
    const passed = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  });
  server.on('connect', ({ url = '' }, near: Socket) => {
    asked.push(`CONNECT ${url}`);
    const far = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n');
      near.pipe(far).pipe(near);
    });
    for (const end of [near, far]) {
      end.on('error', () => {});
      end.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    t.teardown(() => near.destroy());
  });
  return { url: await listenUntilEnd(t, server), asked };
}
