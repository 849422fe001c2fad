/** Live changes as server-sent events (WHATWG HTML, 9.2). */
import type { ServerResponse } from 'node:http';
import type { Live, LiveChange } from '../live.ts';
import type { Api } from './route.ts';

const bounds = {
  watchers: 200,
  heartbeatMs: 15_000,
  /** Changes of one thing within this time are sent as one. */
  flushMs: 200,
} as const;

export function addEventRoutes(api: Api, live: Live): void {
  api.app.route({
    method: 'GET',
    url: '/api/v1/events',
    schema: {
      summary: 'Server-sent events: device, model, variant, rollout',
      tags: ['events'],
      security: [{ token: [] }],
    },
    handler(request, reply) {
      api.authenticate(request, 'viewer');
      if (live.watchers >= bounds.watchers) {
        return reply.code(503).header('retry-after', '5').send({ detail: 'too many watchers' });
      }
      reply.hijack();
      stream(reply.raw, live);
      return reply;
    },
  });
}

/**
 * Newer changes of a thing replace older ones that still wait, so that what a slow watcher costs is
 * bounded by the number of things, not by time.
 */
function stream(response: ServerResponse, live: Live): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write('retry: 2000\n\n');
  const waiting = new Map<string, LiveChange>();
  let timer: NodeJS.Timeout | null = null;
  let blocked = false;
  const flush = () => {
    timer = null;
    if (blocked) return;
    const text = [...waiting.values()]
      .map((change) => `event: ${change.name}\ndata: ${change.json()}\n\n`)
      .join('');
    waiting.clear();
    if (text !== '') blocked = !response.write(text);
  };
  const later = () => {
    timer ??= setTimeout(flush, bounds.flushMs);
  };
  response.on('drain', () => {
    blocked = false;
    if (waiting.size > 0) later();
  });
  const unwatch = live.watch((change) => {
    waiting.set(change.key, change);
    later();
  });
  const heartbeat = setInterval(() => response.write(': alive\n\n'), bounds.heartbeatMs);
  response.on('close', () => {
    unwatch();
    clearInterval(heartbeat);
    if (timer) clearTimeout(timer);
  });
}
