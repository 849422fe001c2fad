/**
 * A variant that is loaded and does not answer yet is held against the one that does: on its golden
 * inputs, and on live requests that it is shown, one at a time. Nobody who asks waits for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { compareOutputs, countAgreeing } from '../../shared/evaluate/agreement.ts';
import { readGoldenFeeds } from '../../shared/evaluate/golden.ts';
import { toDecibel } from '../../shared/evaluate/metrics.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import type { GoldenAgreement, LiveAgreement } from '../../shared/protocol/comparisons.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import type { Pool } from './pool.ts';
import type { Server, Shadow } from './server.ts';

export interface ShadowOptions {
  readonly server: Server;
  /** Of the variant that is to take over. */
  readonly pool: Pool;
  /** What its quality is measured by; null where nothing is. */
  readonly metric: string | null;
  /** The longest that is waited for requests. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface GoldenOptions
  extends Pick<ShadowOptions, 'server' | 'pool' | 'metric' | 'signal'> {
  /** The golden set of the variant that is to take over. */
  readonly goldenPath: string;
}

/**
 * How far the two agree on the golden inputs; null where nothing serves, the models differ in their
 * inputs, or what serves answers none of them. Throws what reading the golden set throws.
 */
export async function compareGolden(options: GoldenOptions): Promise<GoldenAgreement | null> {
  const { server, pool, metric, signal, goldenPath } = options;
  const active = server.active();
  if (active === null || !sameInputs(active.pool.inputs, pool.inputs)) return null;
  const { runs, batch } = await readGoldenFeeds(goldenPath, pool.inputs);
  const seen = { samples: 0, agreed: 0, worst: 0 };
  for (const feeds of runs) {
    signal.throwIfAborted();
    // The memory of feeds goes to the thread that runs them.
    const before = await active.pool.run(structuredClone(feeds)).catch(() => null);
    if (before === null) continue;
    const after = await pool.run(feeds).catch(() => null);
    const { agreed, noise } = countAgreeing(before, after, { batch, metric });
    seen.samples += batch;
    seen.agreed += agreed;
    seen.worst = Math.max(seen.worst, noise);
  }
  const found = agreementOf(seen);
  const { version, recipeName } = active.serving;
  return found && { ...found, version, recipeName };
}

/** Live runs that are compared at most. */
export const shadowRunsMax = 64;
const lookMs = 50;

/**
 * How far the two agree on what was asked meanwhile; null where nothing could be compared: nothing
 * serves, the models differ in their inputs, or nobody asked.
 */
export async function compareLive(options: ShadowOptions): Promise<LiveAgreement | null> {
  const { server, pool, waitMs, signal } = options;
  const active = server.active();
  if (active === null || !sameInputs(active.pool.inputs, pool.inputs)) return null;
  const seen = { samples: 0, agreed: 0, worst: 0 };
  let underway: Promise<void> | null = null;
  const shadow: Shadow = {
    copy: (from, feeds) =>
      underway === null && from.key === active.key ? structuredClone(feeds) : null,
    compare(feeds, outputs) {
      underway ??= runBoth(options, { feeds, outputs, seen }).finally(() => {
        underway = null;
      });
    },
  };
  server.shadow = shadow;
  const endMs = performance.now() + waitMs;
  try {
    while (seen.samples < shadowRunsMax && performance.now() < endMs) {
      await sleep(Math.min(lookMs, waitMs), undefined, { signal });
    }
  } finally {
    server.shadow = null;
    await underway;
  }
  return agreementOf(seen);
}

function agreementOf({ samples, agreed, worst }: Seen): LiveAgreement | null {
  return samples === 0 ? null : { samples, agreement: agreed / samples, sqnrDb: toDecibel(worst) };
}

interface Seen {
  samples: number;
  agreed: number;
  worst: number;
}

async function runBoth(
  { pool, metric }: ShadowOptions,
  { feeds, outputs, seen }: { feeds: Tensors; outputs: Tensors; seen: Seen },
): Promise<void> {
  // A variant that cannot answer does not agree.
  const answer = await pool.run(feeds).catch(() => null);
  const { agrees, noise } = compareOutputs(outputs, answer, metric);
  seen.samples += 1;
  if (agrees) seen.agreed += 1;
  seen.worst = Math.max(seen.worst, noise);
}

function sameInputs(a: readonly TensorInfo[], b: readonly TensorInfo[]): boolean {
  const text = (inputs: readonly TensorInfo[]) =>
    JSON.stringify(inputs.map(({ name, type, shape }) => [name, type, shape]));
  return text(a) === text(b);
}
