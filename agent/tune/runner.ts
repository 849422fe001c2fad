/** One variant, loaded under a plan and ready to be run in blocks, in this thread. */
import { checkGolden, type GoldenResult } from '../../shared/evaluate/golden.ts';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { sessionOptionsOf } from '../serve/session-options.ts';
import { feedsFor } from './feeds.ts';
import type { Contestant } from './trial-protocol.ts';

export interface Block {
  /** Milliseconds of each run, of all instances. */
  readonly latenciesMs: readonly number[];
  readonly elapsedMs: number;
}

export interface Runner {
  readonly loadMs: number;
  /** null where there is no golden set. */
  readonly golden: GoldenResult | null;
  /** Runs, at least once, until the time is over. */
  block(durationMs: number): Promise<Block>;
  close(): Promise<void>;
}

export async function openRunner({ path, goldenPath, plan }: Contestant): Promise<Runner> {
  const start = performance.now();
  const session = await openSession(path, sessionOptionsOf(plan));
  const loadMs = performance.now() - start;
  const golden = goldenPath === null ? null : await checkGolden(session, goldenPath);
  const feeds = await feedsFor(session, goldenPath);
  return {
    loadMs,
    golden,
    block: (durationMs) => runFor(durationMs, 1, () => session.run(feeds)),
    close: () => session.release(),
  };
}

/** So many clients, each of which runs at least once, and again until the time is over. */
export async function runFor(
  durationMs: number,
  clients: number,
  run: () => Promise<unknown>,
): Promise<Block> {
  const latenciesMs: number[] = [];
  const begin = performance.now();
  let elapsedMs = 0;
  const client = async () => {
    do {
      const before = performance.now();
      await run();
      const after = performance.now();
      latenciesMs.push(after - before);
      elapsedMs = after - begin;
    } while (elapsedMs < durationMs);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { latenciesMs, elapsedMs };
}
