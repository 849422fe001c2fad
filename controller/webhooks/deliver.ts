/** One attempt to deliver: an HTTP POST, signed, with a timeout; redirects are not followed. */
import { createHmac } from 'node:crypto';
import { reasonOf } from '../../shared/errors.ts';
import { httpFor } from '../../shared/node-http.ts';

export interface Post {
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  readonly nowMs: number;
}

const timeoutMs = 10_000;

/**
 * `t=<seconds>,v1=<hex>`: HMAC-SHA256 (RFC 2104) of `<seconds>.<body>`, so that neither the body
 * nor its age can be changed on the way.
 */
export function signatureOf({ secret, body, nowMs }: Omit<Post, 'url'>): string {
  const seconds = Math.floor(nowMs / 1000);
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

/** null where it was taken (2xx), else why not, in a few words. */
export function deliver(post: Post): Promise<string | null> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(post.body),
      'fettle-signature': signatureOf(post),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const request = httpFor(post.url).request(post.url, { method: 'POST', headers, signal });
    request.on('response', (response) => {
      response.destroy();
      const { statusCode = 0 } = response;
      resolve(statusCode >= 200 && statusCode < 300 ? null : `it answered ${statusCode}`);
    });
    request.on('error', (thrown) => {
      resolve(signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(thrown));
    });
    request.end(post.body);
  });
}
