/** Variants: built on demand, once, in a worker, and kept with what was measured on them. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSource, type Recipe, recipeName, sourceRecipe } from '../shared/compress/recipe.ts';
import { type Digest, digestOfJson } from '../shared/digest.ts';
import { FettleError, reportError } from '../shared/errors.ts';
import type { ModelRecord, VariantRecord } from '../shared/protocol/api.ts';
import { filesOf, requestOf } from './registry.ts';
import { findModel, findOutcome, findVariant, listVariants, putVariant } from './store/models.ts';
import { type Patience, patiently } from './store/patience.ts';
import type { Built, Job } from './work/messages.ts';
import { createPool } from './work/pool.ts';
import { runJob } from './work/run.ts';
import { buildingJob, createStarts } from './work/starts.ts';
import { createWaiters, type Waiters } from './work/waiters.ts';
import { instant, type World } from './world.ts';

export interface Variants {
  /**
   * The variant of this recipe, queued where it isn't there yet. A failure is remembered unless a
   * retry may help.
   */
  request(model: ModelRecord, recipe: Recipe): Promise<VariantRecord>;
  /** Waits until it is ready or failed, at most so long. Throws `NOT_FOUND`. */
  find(id: string, wait: { ms: number; signal: AbortSignal }): Promise<VariantRecord>;
  list(model: string, version: number): Promise<VariantRecord[]>;
  /** Goes on with what was queued or being built when the controller ended. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Raised when the same recipe would give other bytes, so that variants of before aren't taken for
 * those of now.
 */
const compressorVersion = 1;
/** A worker that was killed from outside gets another try. */
const attempts = 2;

export function createVariants(world: World): Variants {
  const builder = createBuilder(world);
  const { active } = builder;
  return {
    async request(model, recipe) {
      const record = newRecord(world, model, recipe);
      const known = active.get(record.id) ?? (await findVariant(world.db, record.id));
      if (known && !(known.state === 'failed' && known.error?.retryable)) return known;
      // Somebody else may have asked meanwhile.
      return active.get(record.id) ?? (await builder.queue(record));
    },
    async find(id, wait) {
      if (active.has(id) && wait.ms > 0) await builder.waiters.wait(id, wait);
      const record = active.get(id) ?? (await findVariant(world.db, id));
      if (!record) throw new FettleError('NOT_FOUND', { what: `variant ${id}` });
      return record;
    },
    async list(model, version) {
      const records = await listVariants(world.db, { model, version });
      return records.map((record) => active.get(record.id) ?? record);
    },
    async resume() {
      for (const record of await listVariants(world.db, { state: ['queued', 'building'] })) {
        active.set(record.id, record);
        builder.enqueue(record);
      }
    },
    stop: builder.stop,
  };
}

interface Shelf {
  /** Those queued or being built, as they are right now. */
  readonly active: Map<string, VariantRecord>;
  readonly waiters: Waiters;
  /** On disk first, then in memory. */
  save(record: VariantRecord): Promise<void>;
  step(id: string, progress: VariantRecord['progress']): void;
}

function createShelf(world: World): Shelf {
  const active = new Map<string, VariantRecord>();
  const waiters = createWaiters();
  const show = (record: VariantRecord) => world.live.publish('variant', record.id, () => record);
  return {
    active,
    waiters,
    async save(record) {
      await putVariant(world.db, record);
      if (isSettled(record)) active.delete(record.id);
      else active.set(record.id, record);
      show(record);
      if (isSettled(record)) waiters.wake(record.id);
    },
    step(id, progress) {
      const record = active.get(id);
      if (!record) return;
      active.set(id, { ...record, progress });
      show({ ...record, progress });
    },
  };
}

interface Builder extends Pick<Shelf, 'active' | 'waiters'> {
  /** Stores it, then builds it when its turn comes. Whoever asks meanwhile waits for the same. */
  queue(record: VariantRecord): Promise<VariantRecord>;
  enqueue(record: VariantRecord): void;
  stop(): Promise<void>;
}

function createBuilder(world: World): Builder {
  const pool = createPool(world.settings.workers);
  const ending = new AbortController();
  const working = new Set<Promise<void>>();
  const queueing = new Map<string, Promise<VariantRecord>>();
  const starts = createStarts(world.db);
  const { active, waiters, save, step } = createShelf(world);
  const patience: Patience = {
    signal: ending.signal,
    onFault: (thrown) => world.log.error({ err: thrown }, 'variant not stored; tried again'),
  };
  const build = async (queued: VariantRecord) => {
    const building: VariantRecord = { ...queued, state: 'building' };
    const job = buildingJob(queued);
    try {
      await patiently(() => starts.begin(job), patience);
      await patiently(() => save(building), patience);
      const built = await buildRecord(world, building, { signal: ending.signal, onProgress: step });
      await patiently(() => save(built), patience);
    } catch (thrown) {
      // A controller that is stopping leaves it to be resumed.
      if (!ending.signal.aborted) {
        const error = { ...reportError(thrown) };
        await patiently(
          () => save({ ...building, state: 'failed', progress: null, error }),
          patience,
        );
      }
    }
    await starts.end(job);
  };
  const enqueue = (record: VariantRecord) => {
    const work: Promise<void> = pool
      .run(() => (ending.signal.aborted ? Promise.resolve() : build(record)))
      .catch((thrown) => world.log.error({ err: thrown }, 'variant not stored'))
      .finally(() => working.delete(work));
    working.add(work);
  };
  return {
    active,
    waiters,
    queue(record) {
      const same = queueing.get(record.id);
      if (same) return same;
      const storing = save(record)
        .then(() => {
          enqueue(record);
          return record;
        })
        .finally(() => queueing.delete(record.id));
      queueing.set(record.id, storing);
      return storing;
    },
    enqueue,
    async stop() {
      ending.abort(new FettleError('INTERNAL', { reason: 'the controller is stopping' }));
      await Promise.all(working);
    },
  };
}

interface BuildOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (id: string, progress: VariantRecord['progress']) => void;
}

/** Builds in a folder that is gone afterwards; what is kept moves into the store. */
async function buildRecord(
  world: World,
  record: VariantRecord,
  options: BuildOptions,
): Promise<VariantRecord> {
  const model = await findModel(world.db, record.model, record.version);
  if (!model) throw new FettleError('NOT_FOUND', { what: `model ${record.model}` });
  const folder = join(world.blobs.scratch, `build-${record.id.slice(-16)}`);
  try {
    const files = filesOf(world, requestOf(model));
    const { recipe } = record;
    const sourceOutcome = await findOutcome(world.db, model);
    const job = { kind: 'build', files, recipe, sourceOutcome, folder } as const;
    const built = await runBuild(world, job, { ...options, record });
    return await keep(world, record, built);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runBuild(
  world: World,
  job: Job & { kind: 'build' },
  { record, signal, onProgress }: BuildOptions & { record: VariantRecord },
): Promise<Built> {
  const { settings } = world;
  let built: Built | null = null;
  let lost: string | null = null;
  for (let time = 0; time < attempts; time += 1) {
    await rm(job.folder, { recursive: true, force: true });
    await mkdir(job.folder, { recursive: true });
    ({ lost } = await runJob(job, {
      timeoutMs: settings.workerTimeoutSeconds * 1000,
      memoryMib: settings.workerMemoryMib,
      signal,
      onAnswer(answer) {
        if (answer.type === 'progress') onProgress(record.id, answer.progress);
        if (answer.type === 'built') built = answer;
      },
    }));
    if (built !== null) return built;
  }
  const reason = `its build ended the process ${attempts} times (${lost})`;
  throw new FettleError('VARIANT_FAILED', { recipe: record.recipeName, reason });
}

async function keep(world: World, record: VariantRecord, built: Built): Promise<VariantRecord> {
  const { digest, bytes } = await world.blobs.adopt(built.path);
  if (digest !== built.digest) {
    const reason = `the file is not what was built: ${digest} instead of ${built.digest}`;
    throw new FettleError('VARIANT_FAILED', { recipe: record.recipeName, reason });
  }
  const golden = await keepGolden(world, built.golden);
  const sent = await keepPacked(world, built.packedPath);
  const { quality, layers, seconds, notes } = built;
  const ready = { state: 'ready', progress: null, error: null } as const;
  return { ...record, ...ready, digest, bytes, sent, quality, golden, layers, seconds, notes };
}

async function keepGolden(world: World, golden: Built['golden']) {
  if (golden === null) return null;
  const { path, samples, packedPath } = golden;
  const sent = await keepPacked(world, packedPath);
  return { ...(await world.blobs.adopt(path)), samples, sent };
}

async function keepPacked({ blobs }: World, path: string | null) {
  return path === null ? null : { encoding: 'zstd', ...(await blobs.adopt(path)) };
}

function newRecord(world: World, model: ModelRecord, asked: Recipe): VariantRecord {
  const recipe = isSource(asked) ? sourceRecipe : asked;
  return {
    id: variantId(model, recipe),
    model: model.name,
    version: model.version,
    recipe,
    recipeName: recipeName(recipe),
    state: 'queued',
    progress: null,
    error: null,
    digest: null,
    bytes: null,
    quality: null,
    golden: null,
    layers: [],
    seconds: null,
    createdAt: instant(world.now()),
  };
}

/** What decides a variant's bytes and what is measured on it. */
function variantId({ name, version, digest, calibration }: ModelRecord, recipe: Recipe): Digest {
  return digestOfJson({ name, version, digest, calibration, recipe, compressorVersion });
}

function isSettled({ state }: VariantRecord): boolean {
  return state === 'ready' || state === 'failed';
}
