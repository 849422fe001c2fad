/** One attempt to deliver: an HTTP POST, signed, with a timeout; redirects are not followed. */
import { createHmac } from 'node:crypto';
import { reasonOf } from '../../shared/errors.ts';
import { httpFor } from '../../shared/node-http.ts';
import { agentFor } from '../../shared/proxy.ts';

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

export type Answer =
  | { readonly taken: true }
  | {
      readonly taken: false;
      readonly reason: string;
      /** The address refuses this delivery as it is: sent again it gets the same answer. */
      readonly final: boolean;
    };

/** 4xx that speak of the moment and not of the delivery: RFC 9110, RFC 8470, RFC 6585. */
const passing: readonly number[] = [408, 425, 429];

export function deliver(post: Post): Promise<Answer> {
  const answer = new Promise<Answer>((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(post.body),
      'fettle-signature': signatureOf(post),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const request = httpFor(post.url).request(post.url, {
      ...{ method: 'POST', headers, signal },
      agent: agentFor(post.url),
    });
    request.on('response', (response) => {
      response.destroy();
      resolve(answerOf(response.statusCode ?? 0));
    });
    request.on('error', (thrown) => {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(thrown);
      resolve({ taken: false, reason, final: false });
    });
    request.end(post.body);
  });
  // An address that cannot even be asked, as one whose password is no percent-encoding.
  return answer.catch((thrown) => ({ taken: false, reason: reasonOf(thrown), final: true }));
}

function answerOf(status: number): Answer {
  if (status >= 200 && status < 300) return { taken: true };
  const final = status >= 400 && status < 500 && !passing.includes(status);
  return { taken: false, reason: `it answered ${status}`, final };
}
