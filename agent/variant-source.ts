/**
 * Variants from the controller: asked for by recipe, waited for while they are built, fetched by
 * digest.
 */
import { rm } from 'node:fs/promises';
import * as v from 'valibot';
import { waitBackoff } from '../shared/backoff.ts';
import type { Recipe } from '../shared/compress/recipe.ts';
import { recipeName } from '../shared/compress/recipe.ts';
import { controllerUrl } from '../shared/controller-url.ts';
import type { Digest } from '../shared/digest.ts';
import { type ErrorCode, FettleError } from '../shared/errors.ts';
import { sentenceOf } from '../shared/issues.ts';
import { VariantRecord } from '../shared/protocol/api.ts';
import { deviceRoutes } from '../shared/protocol/routes.ts';
import { type Answer, refusalOf } from '../shared/refusal.ts';
import type { Progress, VariantFile, VariantSource } from '../shared/variants.ts';
import type { Identity } from './enrol.ts';
import { fetchFile } from './fetch.ts';
import type { Files } from './files.ts';
import { callJson } from './http-client.ts';
import { waitedOut } from './retry.ts';
import { unpackFile } from './unpack.ts';

export interface SourceOptions {
  readonly identity: Identity;
  readonly files: Files;
  readonly model: string;
  readonly version: number;
  /** The controller can't be reached: it is tried again until the caller gives up. */
  readonly onWaiting?: (reason: string) => void;
}

type Get = Parameters<VariantSource['get']>[1];

/** One call waits this long at the controller, which answers at once when the variant is ready. */
const waitSeconds = 20;
const callTimeoutMs = 30_000;
const backoff = { baseMs: 1000, maxMs: 30_000 } as const;
const buildTimeoutMs = 3_600_000;

export function controllerSource(options: SourceOptions): VariantSource {
  return {
    async get(recipe, get) {
      for (let attempt = 0; ; attempt++) {
        try {
          return await getOnce(options, recipe, get);
        } catch (thrown) {
          get.signal.throwIfAborted();
          // A network that fails says nothing of the variant.
          if (!(thrown instanceof FettleError) || !waitedOut.includes(thrown.code)) throw thrown;
          options.onWaiting?.(thrown.message);
          await waitBackoff(attempt, backoff, get.signal);
        }
      }
    },
  };
}

async function getOnce(options: SourceOptions, recipe: Recipe, get: Get): Promise<VariantFile> {
  const { files } = options;
  const record = await readyVariant(options, recipe, get);
  const { digest, bytes, golden, quality, layers } = record;
  if (digest === null || bytes === null) {
    throw failedVariant(recipe, 'the controller names no file');
  }
  const name = recipeName(recipe);
  await bring(options, { digest, bytes, sent: record.sent, what: `fetch ${name}` }, get);
  if (golden) await bring(options, { ...golden, what: `fetch golden set of ${name}` }, get);
  const goldenPath = golden ? files.pathOf(golden.digest) : null;
  return { recipe, digest, bytes, path: files.pathOf(digest), quality, goldenPath, layers };
}

interface Wanted {
  readonly digest: Digest;
  readonly bytes: number;
  readonly what: string;
}

/** The file, sent compressed where that is smaller. */
async function bring(
  options: SourceOptions,
  { sent, ...wanted }: Wanted & { readonly sent?: VariantRecord['sent'] },
  get: Get,
): Promise<void> {
  const unpacked = await bringPacked(options, { wanted, sent }, get);
  if (!unpacked) await bringPlain(options, wanted, get);
}

/**
 * Brings the compressed file and unpacks it. False where there is none that helps, or where it does
 * not hold what it should: the file itself can still be fetched.
 */
async function bringPacked(
  options: SourceOptions,
  { wanted, sent }: { wanted: Wanted; sent: VariantRecord['sent'] },
  get: Get,
): Promise<boolean> {
  const { files } = options;
  if (sent?.encoding !== 'zstd' || sent.bytes >= wanted.bytes) return false;
  if (await files.has(wanted.digest)) return true;
  const from = files.pathOf(sent.digest);
  const { digest, bytes } = wanted;
  try {
    await bringPlain(options, { digest: sent.digest, bytes: sent.bytes, what: wanted.what }, get);
    await unpackFile({ from, path: files.pathOf(digest), digest, bytes, signal: get.signal });
    return true;
  } catch (thrown) {
    get.signal.throwIfAborted();
    const useless = thrown instanceof FettleError && uselessPacked.includes(thrown.code);
    if (useless) return false;
    throw thrown;
  } finally {
    if (await files.has(sent.digest)) await rm(from, { force: true });
  }
}

/** What came is not what it should be, or needs more room than the file itself. */
const uselessPacked: readonly ErrorCode[] = ['DIGEST_MISMATCH', 'TOO_LARGE', 'DISK_FULL'];

async function bringPlain(options: SourceOptions, wanted: Wanted, get: Get): Promise<void> {
  const { identity, files } = options;
  const { digest, bytes, what } = wanted;
  if (await files.has(digest)) return;
  await fetchFile({
    url: controllerUrl(identity.controller, deviceRoutes.blob(digest)).href,
    token: identity.deviceToken,
    digest,
    bytes,
    path: files.pathOf(digest),
    partPath: files.partPathOf(digest),
    signal: get.signal,
    onProgress: (done) => get.onProgress?.({ what, done, total: bytes, unit: 'bytes' }),
  });
}

async function readyVariant(
  options: SourceOptions,
  recipe: Recipe,
  get: Get,
): Promise<VariantRecord> {
  const { identity, model, version } = options;
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const answer = await callJson({
      url: controllerUrl(identity.controller, path).href,
      method,
      ...(body === undefined ? {} : { body }),
      token: identity.deviceToken,
      timeoutMs: callTimeoutMs,
      signal: get.signal,
    });
    return readRecord(answer, recipe);
  };
  const endMs = performance.now() + buildTimeoutMs;
  let record = await call('POST', deviceRoutes.variants(model, version), { recipe });
  while (record.state === 'queued' || record.state === 'building') {
    if (performance.now() > endMs) {
      throw new FettleError('TIMEOUT', { what: 'building the variant', timeoutMs: buildTimeoutMs });
    }
    get.onProgress?.(buildProgress(record));
    record = await call('GET', deviceRoutes.variant(record.id, waitSeconds));
  }
  if (record.state === 'ready') return record;
  throw failedVariant(recipe, record.error?.message ?? 'the controller does not say why');
}

function buildProgress({ progress, state, recipeName }: VariantRecord): Progress {
  return {
    what: `controller: ${progress?.what ?? `${recipeName} ${state}`}`,
    done: progress?.done ?? 0,
    total: progress?.total ?? 0,
    unit: 'steps',
  };
}

function readRecord(answer: Answer, recipe: Recipe): VariantRecord {
  if (answer.status >= 400) {
    const refusal = refusalOf('variants', answer);
    if (refusal.code === 'CONTROLLER_UNREACHABLE') throw refusal;
    const { message: reason } = refusal;
    // The request itself is refused: asking again for the same would be too.
    if (answer.status < 500 && answer.status !== 429) throw failedVariant(recipe, reason);
    throw new FettleError('CONTROLLER_UNREACHABLE', { url: 'variants', reason });
  }
  const parsed = v.safeParse(VariantRecord, answer.body);
  if (parsed.success) return parsed.output;
  const reason = sentenceOf(VariantRecord, parsed.issues, 'the answer');
  throw new FettleError('MESSAGE_INVALID', { topic: 'variant', reason });
}

function failedVariant(recipe: Recipe, reason: string): FettleError {
  return new FettleError('VARIANT_FAILED', { recipe: recipeName(recipe), reason });
}
