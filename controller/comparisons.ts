/**
 * Versions of a model compared with those that they replace: by what was measured when they were
 * pushed, else by running both on one data set, in a worker, once for each pair.
 */
import { type ErrorReport, FettleError, reportError } from '../shared/errors.ts';
import { metrics } from '../shared/evaluate/manifest.ts';
import type { Metric } from '../shared/evaluate/metrics.ts';
import type { ModelRecord } from '../shared/protocol/api.ts';
import type { VersionComparison } from '../shared/protocol/comparisons.ts';
import type { ModelGoal } from '../shared/protocol/messages.ts';
import type { Quality } from '../shared/protocol/tuning.ts';
import type { Device } from './fleet.ts';
import { defaults } from './goals.ts';
import { filesOf, type Registry, requestOf } from './registry.ts';
import {
  comparesDirectly,
  judgeVersions,
  obstacleOf,
  type Pair,
  replacedBy,
} from './rollout/compare.ts';
import {
  findPair,
  listPairs,
  type PairKey,
  putPair,
  type StoredPair,
} from './store/comparisons.ts';
import type { Compared, Job } from './work/messages.ts';
import { createPool } from './work/pool.ts';
import { runJob } from './work/run.ts';
import { comparingJob, createStarts, startsMax } from './work/starts.ts';
import type { World } from './world.ts';

export interface Comparisons {
  /** Against each version that it replaces on these devices. What is not known yet is measured. */
  replaced(next: ModelRecord, asked: Asked): Promise<VersionComparison[]>;
  /** What a device serves against what it was to run before, or the version before. */
  ofDevice(device: Device, previous: ModelGoal | null): Promise<VersionComparison | null>;
  /** Goes on with what was being measured when the controller ended. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export interface Asked {
  readonly devices: Iterable<Device>;
  /** The least share of samples that two versions answer alike, where nothing else compares. */
  readonly least: number | null;
  /** How long what is being measured is waited for. */
  readonly waitMs: number;
}

export function createComparisons(world: World, registry: Registry): Comparisons {
  const measuring = createMeasuring(world, registry);
  const pairWithin = async (next: ModelRecord, before: ModelRecord, over: AbortSignal) => {
    const stored = await findPair(world.db, keyOf(next, before));
    if (stored && stored.state !== 'measuring') return pairOf(stored);
    return await within(measuring.pair(next, before), over);
  };
  const known = async (
    next: ModelRecord,
    before: ModelRecord,
    quality: Quality | null,
  ): Promise<VersionComparison> => {
    const stored = await findPair(world.db, keyOf(next, before));
    const pair = stored && pairOf(stored);
    return judgeVersions({ ...termsOf(next, null), next, before, pair, quality });
  };
  return {
    async replaced(next, { devices, least, waitMs }) {
      const all = await registry.list(next.name);
      const versions = all.filter(({ archivedAt }) => !archivedAt);
      const over = AbortSignal.timeout(waitMs);
      const terms = termsOf(next, least);
      const found: VersionComparison[] = [];
      for (const replaced of replacedBy(next, devices, versions)) {
        const before = versions.find(({ version }) => version === replaced.version);
        if (!before) continue;
        const runs = !comparesDirectly(next, before) && obstacleOf(next, before) === null;
        const pair = runs ? await pairWithin(next, before, over) : null;
        found.push(judgeVersions({ ...terms, next, before, pair, devices: replaced.devices }));
      }
      return found;
    },
    async ofDevice({ reported }, previous) {
      const serving = reported?.serving;
      if (!serving) return null;
      const versions = await registry.list(serving.model);
      const next = versions.find(({ version }) => version === serving.version);
      if (!next) return null;
      const other = previous?.name === next.name && previous.version !== next.version;
      const against = other ? previous.version : replacedBy(next, [], versions)[0]?.version;
      const before = versions.find(({ version }) => version === against);
      return before ? await known(next, before, serving.quality) : null;
    },
    resume: measuring.resume,
    stop: measuring.stop,
  };
}

function termsOf({ manifest }: ModelRecord, least: number | null) {
  const maxDrop = manifest.quality?.maxDrop ?? defaults.maxDrop;
  return { maxDrop, least: manifest.limits?.agreement ?? least };
}

async function within(pair: Promise<Pair>, over: AbortSignal): Promise<Pair> {
  if (over.aborted) return { state: 'measuring' };
  const late = Promise.withResolvers<Pair>();
  const onLate = () => late.resolve({ state: 'measuring' });
  over.addEventListener('abort', onLate, { once: true });
  try {
    return await Promise.race([pair, late.promise]);
  } finally {
    over.removeEventListener('abort', onLate);
  }
}

interface Measuring {
  pair(next: ModelRecord, before: ModelRecord): Promise<Pair>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

function createMeasuring(world: World, registry: Registry): Measuring {
  const ending = new AbortController();
  // Each uses every core.
  const pool = createPool(1);
  const underway = new Map<string, Promise<Pair>>();
  const work = async (next: ModelRecord, before: ModelRecord): Promise<Pair> => {
    const known = await findPair(world.db, keyOf(next, before));
    if (known && known.state !== 'measuring') return pairOf(known);
    const job = jobOf(world, next, before);
    const { signal } = ending;
    const measure = () => measurePair(world, { job, key: keyOf(next, before), signal });
    return pairOf(await pool.run(measure));
  };
  const measuring: Measuring = {
    pair(next, before) {
      const name = JSON.stringify(keyOf(next, before));
      const same = underway.get(name);
      if (same) return same;
      const working = work(next, before).finally(() => underway.delete(name));
      // Whoever waits hears of a failure; without anybody there it must not count as unhandled.
      working.catch((thrown) => {
        if (!ending.signal.aborted) world.log.error({ err: thrown }, 'versions not compared');
      });
      underway.set(name, working);
      return working;
    },
    async resume() {
      for (const { model, version, against, state } of await listPairs(world.db)) {
        if (state !== 'measuring') continue;
        const versions = await registry.list(model);
        const next = versions.find((one) => one.version === version);
        const before = versions.find((one) => one.version === against);
        if (next && before) void measuring.pair(next, before);
      }
    },
    async stop() {
      ending.abort(new FettleError('INTERNAL', { reason: 'the controller is stopping' }));
      await Promise.allSettled(underway.values());
    },
  };
  return measuring;
}

interface Measurement {
  readonly job: Extract<Job, { kind: 'compare' }>;
  readonly key: PairKey;
  readonly signal: AbortSignal;
}

async function measurePair(world: World, { job, key, signal }: Measurement): Promise<StoredPair> {
  const starts = createStarts(world.db);
  const name = comparingJob(key);
  const pair = { ...key, measured: null, reason: null };
  let end: StoredPair;
  try {
    await starts.begin(name);
    await putPair(world.db, { ...pair, state: 'measuring' });
    end = { ...pair, state: 'ready', measured: await runBoth(world, job, signal) };
  } catch (thrown) {
    if (signal.aborted) {
      await starts.end(name);
      throw thrown;
    }
    end = { ...pair, state: 'failed', reason: sayFailure(reportError(thrown), key) };
  }
  await putPair(world.db, end);
  await starts.end(name);
  return end;
}

async function runBoth(
  { settings }: World,
  job: Measurement['job'],
  signal: AbortSignal,
): Promise<Compared> {
  let measured: Compared | null = null;
  for (let time = 0; time < startsMax; time += 1) {
    await runJob(job, {
      timeoutMs: settings.workerTimeoutSeconds * 1000,
      memoryMib: settings.workerMemoryMib,
      signal,
      onAnswer(answer) {
        if (answer.type === 'compared') measured = answer;
      },
    });
    if (measured !== null) return measured;
  }
  throw new FettleError('JOB_ABANDONED', { job: 'running both', times: startsMax });
}

function sayFailure({ code, message }: ErrorReport, { version, against }: PairKey): string {
  if (code === 'JOB_ABANDONED') return `running both ended the process ${startsMax} times`;
  if (code !== 'DATA_MISMATCH') return message;
  return `version ${against} does not take the evaluation data of version ${version} (${message})`;
}

function jobOf(world: World, next: ModelRecord, before: ModelRecord): Measurement['job'] {
  return {
    kind: 'compare',
    files: filesOf(world, requestOf(next)),
    before: filesOf(world, requestOf(before)),
    metric: metricOf(next),
  };
}

function metricOf({ quality }: ModelRecord): Metric {
  return metrics.find((one) => one === quality?.metric) ?? 'agreement';
}

function keyOf({ name, version }: ModelRecord, before: ModelRecord): PairKey {
  return { model: name, version, against: before.version };
}

function pairOf({ state, measured, reason }: StoredPair): Pair {
  if (state === 'measuring') return { state };
  if (measured) return { state: 'ready', measured };
  return { state: 'failed', reason: reason ?? 'it failed' };
}
