/** The Open Inference Protocol, version 2, over HTTP, with metrics and a status page beside it. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { acceptedEncodings } from '../../shared/content-encoding.ts';
import { type ErrorCode, FettleError, reasonOf, reportError } from '../../shared/errors.ts';
import { http } from '../../shared/node-http.ts';
import { busy } from './outcome.ts';
import { type Answer, type Doors, findRoute } from './routes.ts';

export interface HttpOptions extends Doors {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Http {
  readonly url: string;
  /**
   * Refuses what has not come whole, answers what has, and closes; what takes longer to be sent
   * than this is cut.
   */
  close(withinMs: number): Promise<void>;
}

const limits = {
  connectionsMax: 512,
  headersMs: 10_000,
  requestMs: 60_000,
} as const;

const statuses: Partial<Record<ErrorCode, number>> = {
  BAD_ARGUMENT: 400,
  NOT_FOUND: 404,
  TOO_LARGE: 413,
  ENCODING_UNSUPPORTED: 415,
  BUSY: 503,
  CANCELLED: 503,
  DEADLINE_PASSED: 504,
  TIMEOUT: 504,
};

interface State {
  readonly doors: Doors;
  readonly server: HttpServer;
  /** Exchanges that are not answered yet. */
  readonly open: Set<AbortController>;
}

/** Throws `PORT_IN_USE`. */
export async function openHttp(options: HttpOptions): Promise<Http> {
  const server = http.createServer((request, response) => {
    answer(state, request, response).catch(() => response.destroy());
  });
  const state: State = { doors: options, server, open: new Set() };
  server.maxConnections = limits.connectionsMax;
  server.headersTimeout = limits.headersMs;
  server.requestTimeout = limits.requestMs;
  const port = await listen(server, options);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: (withinMs) => close(state, withinMs) };
}

async function answer(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = new AbortController();
  state.open.add(exchange);
  response.once('close', () => {
    if (!response.writableFinished) exchange.abort(cancelled());
  });
  try {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const route = findRoute(request.method ?? 'GET', decodeURIComponent(pathname));
    const { signal } = exchange;
    send(
      state,
      response,
      await orAborted(route(state.doors, { request, response, signal }), signal),
    );
  } catch (thrown) {
    const { code, message } = reportError(thrown);
    const status = statuses[code] ?? (thrown instanceof URIError ? 400 : 500);
    // What is left of a refused body isn't read: the connection can't be used again.
    if (!request.complete) response.setHeader('connection', 'close');
    if (status === 415) response.setHeader('accept-encoding', acceptedEncodings);
    if (status === 503) response.setHeader('retry-after', '1');
    send(state, response, { status, body: JSON.stringify({ error: message }) });
  } finally {
    state.open.delete(exchange);
  }
}

function cancelled(): FettleError {
  return new FettleError('CANCELLED', { what: 'the request' });
}

/** Throws the reason of the signal as soon as it is aborted, whatever is waited for. */
async function orAborted<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function send(
  { server }: State,
  response: ServerResponse,
  { status, body, tail = [], type }: Answer,
): void {
  if (response.destroyed) return;
  if (!server.listening) response.setHeader('connection', 'close');
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

async function close({ server, open }: State, withinMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  for (const exchange of open) exchange.abort(busy('the agent ends'));
  const timer = setTimeout(() => server.closeAllConnections(), withinMs);
  await promise;
  clearTimeout(timer);
}
