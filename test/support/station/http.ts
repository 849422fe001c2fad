/** The HTTP routes that a device calls, answered with what a test offers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { Recipe, recipeName } from '../../../shared/compress/recipe.ts';
import { type Digest, digestOfJson } from '../../../shared/digest.ts';
import { FettleError } from '../../../shared/errors.ts';
import type { EnrolAnswer, VariantRecord } from '../../../shared/protocol/api.ts';
import type { Owner } from '../owner.ts';
import { listenUntilEnd } from '../ports.ts';

export interface Offer {
  readonly recipe: Recipe;
  readonly bytes: Buffer;
  readonly digest: Digest;
  /** The golden set that comes with it; it is shared as a file of its own. */
  readonly golden?: VariantRecord['golden'];
}

export interface HttpOptions {
  /** By the digest of the recipe. */
  readonly offers: ReadonlyMap<string, Offer>;
  /** Files are answered after this. */
  readonly gate: () => Promise<void> | null;
  readonly enrol: () => EnrolAnswer;
}

export const enrolmentToken = 'token';
const quality = { metric: 'top1', value: 1, samples: 1000, drop: 0, dropUpper: 0 };
const Asked = v.object({ recipe: Recipe });
const Enrolling = v.object({ token: v.string() });

export async function startHttp(t: Owner, options: HttpOptions): Promise<string> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  return await listenUntilEnd(t, server);
}

async function answer(
  { offers, gate, enrol }: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '';
  if (url.endsWith('/enrol')) {
    const { token } = v.parse(Enrolling, await readJson(request));
    if (token === enrolmentToken) return json(response, 200, enrol());
    return refuse(response, 403, new FettleError('ENROLMENT_REFUSED', { reason: 'unknown token' }));
  }
  if (url.endsWith('/variants')) {
    const { recipe } = v.parse(Asked, await readJson(request));
    const offer = offers.get(digestOfJson(recipe));
    if (offer) return json(response, 200, recordOf(offer));
    const reason = 'nobody offers it';
    return refuse(response, 422, new FettleError('VARIANT_FAILED', { recipe: 'any', reason }));
  }
  const digest = /blobs\/(sha256:\w+)$/.exec(url)?.[1];
  const offer = [...offers.values()].find((one) => one.digest === digest);
  if (!offer) return json(response, 404, {});
  await gate();
  response.writeHead(200, { 'content-length': offer.bytes.length }).end(offer.bytes);
}

function recordOf({ recipe, bytes, digest, golden = null }: Offer): VariantRecord {
  return {
    id: digestOfJson(recipe),
    ...{ model: 'model', version: 1, recipe, recipeName: recipeName(recipe), state: 'ready' },
    ...{ progress: null, error: null, digest, bytes: bytes.length, quality, golden },
    ...{ layers: [], seconds: null, createdAt: '2026-01-01T00:00:00.000Z' },
  };
}

function refuse(response: ServerResponse, status: number, error: FettleError): void {
  const { code, message: detail, hint, retryable, details } = error;
  const problem = { type: 'about:blank', title: code, status, detail, code, hint, retryable };
  json(response, status, { ...problem, details });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
