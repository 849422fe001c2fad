/** The built dashboard, or a page that says how to build it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { Api } from './route.ts';

/** The page only loads what is its own; it is shown in no frame. */
const securityHeaders = {
  'content-security-policy': [
    "default-src 'self'",
    "img-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

export async function addDashboard({ app }: Api, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply.code(404).type('text/html; charset=utf-8').send(notBuilt),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: folder,
    cacheControl: false,
    setHeaders(reply, path) {
      // Built files carry their digest in their name; the page itself doesn't.
      const forEver = path.includes('/assets/');
      const cache = forEver ? 'public, max-age=31536000, immutable' : 'no-cache';
      reply.header('cache-control', cache);
      for (const [name, value] of Object.entries(securityHeaders)) reply.header(name, value);
    },
  });
}

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Fettle</title>
<p>The dashboard is not built. Run <code>npm run build</code>, or give its folder with
<code>--dashboard</code>. The API is at <a href="/openapi.json">/openapi.json</a>.</p></html>`;
