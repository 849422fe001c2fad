/** The Open Inference Protocol, version 2, over HTTP, with metrics and a status page beside it. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, FettleError, reasonOf, reportError } from '../../shared/errors.ts';
import { http } from '../../shared/node-http.ts';
import { type Answer, type Doors, findRoute } from './routes.ts';

export interface HttpOptions extends Doors {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Http {
  readonly url: string;
  /** Answers what is under way and closes. */
  close(): Promise<void>;
}

const limits = {
  connectionsMax: 512,
  headersMs: 10_000,
  requestMs: 60_000,
  closeMs: 5000,
} as const;

const statuses: Partial<Record<ErrorCode, number>> = {
  BAD_ARGUMENT: 400,
  NOT_FOUND: 404,
  TOO_LARGE: 413,
  CONFLICT: 503,
  TIMEOUT: 504,
};

/** Throws `PORT_IN_USE`. */
export async function openHttp(options: HttpOptions): Promise<Http> {
  const server = http.createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  server.maxConnections = limits.connectionsMax;
  server.headersTimeout = limits.headersMs;
  server.requestTimeout = limits.requestMs;
  const port = await listen(server, options);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: () => close(server) };
}

async function answer(
  doors: Doors,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const route = findRoute(request.method ?? 'GET', decodeURIComponent(pathname));
    send(response, await route(doors, { request, response }));
  } catch (thrown) {
    const { code, message } = reportError(thrown);
    const status = statuses[code] ?? (thrown instanceof URIError ? 400 : 500);
    // What is left of a refused body isn't read: the connection can't be used again.
    if (!request.complete) response.setHeader('connection', 'close');
    if (status === 503) response.setHeader('retry-after', '1');
    send(response, { status, body: JSON.stringify({ error: message }) });
  }
}

function send(response: ServerResponse, { status, body, tail = [], type }: Answer): void {
  const json = Buffer.from(body);
  const length = tail.reduce((sum, part) => sum + part.length, json.length);
  response.writeHead(status, {
    'content-type': type ?? (tail.length > 0 ? 'application/octet-stream' : 'application/json'),
    'content-length': length,
    ...(tail.length > 0 ? { 'inference-header-content-length': json.length } : {}),
  });
  if (tail.length === 0) return void response.end(json);
  response.write(json);
  for (const part of tail) response.write(part);
  response.end();
}

function listen(server: HttpServer, { host, port }: HttpOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', (error) => {
    const code = 'code' in error ? error.code : '';
    const setting = '--http-port';
    if (code === 'EADDRINUSE') {
      reject(new FettleError('PORT_IN_USE', { what: 'HTTP', port, setting }));
    } else {
      const expected = 'an address of this machine';
      const got = `${host}:${port} (${reasonOf(error)})`;
      reject(new FettleError('BAD_SETTING', { setting: '--http-host', expected, got }));
    }
  });
  server.listen(port, host, () => {
    const address = server.address();
    resolve(typeof address === 'object' && address ? address.port : port);
  });
  return promise;
}

async function close(server: HttpServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), limits.closeMs);
  await promise;
  clearTimeout(timer);
}
