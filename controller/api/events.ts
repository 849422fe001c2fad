/** Live changes as server-sent events (WHATWG HTML, 9.2). */
import type { ServerResponse } from 'node:http';
import type { Live, LiveChange, LiveName } from '../live.ts';
import type { Api } from './route.ts';

const bounds = {
  watchers: 200,
  heartbeatMs: 15_000,
  /** Changes of one thing within this time are sent as one. */
  flushMs: 50,
  /** What a flush holds; where one document is longer, the next flush waits the longer for it. */
  flushChars: 64 << 10,
} as const;

export function addEventRoutes(api: Api, live: Live): void {
  api.app.route({
    method: 'GET',
    url: '/api/v1/events',
    schema: {
      summary:
        'Server-sent events device, reading, log, model, variant, rollout, gone: each an array',
      tags: ['events'],
      security: [{ token: [] }],
    },
    handler(request, reply) {
      api.authenticate(request, 'viewer');
      if (live.watchers >= bounds.watchers) {
        return reply.code(503).header('retry-after', '5').send({ detail: 'too many watchers' });
      }
      reply.hijack();
      streamEvents(reply.raw, live);
      return reply;
    },
  });
}

/**
 * Newer changes of a thing replace older ones that still wait, so that what a slow watcher costs is
 * bounded by the number of things, not by time; and what a page must read a second is bounded too.
 */
export function streamEvents(response: ServerResponse, live: Live): void {
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
    const text = takeEvents(waiting);
    if (text !== '') blocked = !response.write(text);
    const share = Math.max(1, text.length / bounds.flushChars);
    if (waiting.size > 0 || share > 1) timer = setTimeout(flush, bounds.flushMs * share);
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

/** The oldest changes out of those that wait: one event for each run of the same kind. */
function takeEvents(waiting: Map<string, LiveChange>): string {
  let text = '';
  let open: LiveName | null = null;
  for (const [key, change] of waiting) {
    if (text.length >= bounds.flushChars) break;
    waiting.delete(key);
    const json = change.json();
    if (json === '') continue;
    const end = open === null ? '' : ']\n\n';
    text += change.name === open ? ',' : `${end}event: ${change.name}\ndata: [`;
    text += json;
    open = change.name;
  }
  return open === null ? '' : `${text}]\n\n`;
}
