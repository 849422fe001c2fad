/**
 * Serves the built dashboard and made-up documents under a strict content security policy, with
 * live events.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { streamEvents } from '../../../controller/api/events.ts';
import { createLive } from '../../../controller/live.ts';
import { productRoot } from '../../../shared/product.ts';
import type {
  DeviceDetail,
  DeviceSummary,
  LiveEvents,
  ModelRecord,
  VariantRecord,
} from '../../../shared/protocol/api.ts';
import type { PersonRole } from '../../../shared/protocol/people.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';

export interface Documents {
  /** Of whoever holds the token; an administrator where nothing is said. */
  role?: PersonRole;
  devices: DeviceSummary[];
  detail: (device: DeviceSummary) => DeviceDetail;
  models: ModelRecord[];
  variants: VariantRecord[];
  rollouts: RolloutRecord[];
}

export interface DashboardServer {
  readonly url: string;
  readonly token: string;
  /** The address that `fettle up` would print. */
  readonly address: string;
  readonly documents: Documents;
  /** `METHOD path` of every API call so far. */
  readonly calls: readonly string[];
  /** Tells the pages of a change as the controller does. */
  publish<K extends keyof LiveEvents>(kind: K, key: string, document: LiveEvents[K]): void;
  /** Pages that listen for events. */
  listeners(): number;
  /** Drops every connection and refuses new ones, or takes them again. */
  setDown(down: boolean): void;
  stop(): Promise<void>;
}

export const dashboardFolder = join(productRoot(), 'dist/dashboard');

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export async function startDashboardServer(documents: Documents): Promise<DashboardServer> {
  const token = 'test-token';
  const live = createLive();
  const watchers = new Set<ServerResponse>();
  const calls: string[] = [];
  let down = false;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://local').pathname;
    if (down) {
      response.writeHead(503).end();
      return;
    }
    if (!path.startsWith('/api/v1/')) {
      sendFile(path, response);
      return;
    }
    calls.push(`${request.method} ${path}`);
    if (request.headers.authorization !== `Bearer ${token}`) {
      sendProblem(response, { status: 401, detail: 'the token is not known' });
    } else if (path === '/api/v1/events') {
      watchers.add(response);
      response.on('close', () => watchers.delete(response));
      streamEvents(response, live);
    } else {
      answer(documents, request, response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return {
    url,
    token,
    address: `${url}/#token=${token}`,
    documents,
    calls,
    publish: (kind, key, document) => live.publish(kind, key, () => document),
    listeners: () => watchers.size,
    setDown(next) {
      down = next;
      if (down) for (const watcher of watchers) watcher.destroy();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(documents: Documents, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://local');
  const [kind, name, , extra] = url.pathname.slice('/api/v1/'.length).split('/');
  const device = documents.devices.find((one) => one.device === name);
  if (kind === 'session') {
    sendJson(response, { role: documents.role ?? 'admin' });
  } else if (request.method === 'POST') {
    sendJson(response, documents.rollouts[0] ?? null);
  } else if (kind === 'devices' && device !== undefined && url.pathname.endsWith('/telemetry')) {
    const { windows } = documents.detail(device);
    const at = new Date().toISOString();
    sendJson(response, { from: at, to: at, stepSeconds: 60, windows });
  } else if (kind === 'devices' && device !== undefined) {
    sendJson(response, documents.detail(device));
  } else if (kind === 'devices' && name === undefined) {
    sendPage(response, documents.devices, url.searchParams);
  } else if (kind === 'models' && name === undefined) {
    sendPage(response, documents.models, url.searchParams);
  } else if (kind === 'models' && extra === 'variants') {
    sendPage(response, documents.variants, url.searchParams);
  } else if (kind === 'rollouts' && name === undefined) {
    sendPage(response, documents.rollouts, url.searchParams);
  } else {
    sendProblem(response, { status: 404, detail: `${url.pathname} not found` });
  }
}

function sendPage(response: ServerResponse, all: readonly object[], query: URLSearchParams): void {
  const start = Number(query.get('cursor') ?? 0);
  const end = start + Number(query.get('limit') ?? 1000);
  sendJson(response, {
    items: all.slice(start, end),
    next: end < all.length ? String(end) : null,
  });
}

function sendJson(response: ServerResponse, document: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(document));
}

function sendProblem(response: ServerResponse, problem: { status: number; detail: string }): void {
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ ...problem, hint: '' }));
}

function sendFile(path: string, response: ServerResponse): void {
  const file = join(dashboardFolder, normalize(path === '/' ? '/index.html' : path));
  if (!file.startsWith(dashboardFolder) || !existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
  });
  createReadStream(file).pipe(response);
}
