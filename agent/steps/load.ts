/**
 * Loads a chosen variant beside whatever serves, and sees that it answers rightly, before it is
 * switched to.
 */

import { FettleError } from '../../shared/errors.ts';
import type { Slot } from '../journal.ts';
import { keyOf } from '../look.ts';
import { openPool, type Pool } from '../serve/pool.ts';
import { deathsMax } from '../serve/risk.ts';
import { goldenReason } from '../tune/golden-verdict.ts';
import type { StepContext } from './step.ts';

/**
 * Switches to the slot's variant; what served until then finishes its requests. Throws
 * `SERVE_CRASH_LOOP` where loading it has killed the agent before, `GOLDEN_MISMATCH`,
 * `SERVE_FAILED`.
 */
export async function loadSlot(context: StepContext, slot: Slot): Promise<void> {
  const { server } = context;
  const { serving } = slot;
  const key = keyOf(slot);
  const deaths = server.risk.arm(key);
  if (deaths >= deathsMax) {
    throw new FettleError('SERVE_CRASH_LOOP', { digest: serving.variant, times: deaths });
  }
  const pool = await openProven(context, slot);
  // The one before finishes in its own time.
  server.switchTo({ key, serving, pool }).catch((thrown) => context.log('error', String(thrown)));
}

async function openProven(context: StepContext, slot: Slot): Promise<Pool> {
  const { server, files, signal } = context;
  const { variant, plan } = slot.serving;
  const { threads, instances, provider } = plan;
  const spec = { path: files.pathOf(variant), threads, instances, provider };
  let pool: Pool | null = null;
  try {
    pool = await openPool(spec, { onCrashLoop: (times) => context.crashed(keyOf(slot), times) });
    await checkAnswers(context, pool, slot);
    signal.throwIfAborted();
    return pool;
  } catch (thrown) {
    await pool?.drain();
    throw thrown;
  } finally {
    server.risk.settle();
  }
}

async function checkAnswers({ files }: StepContext, pool: Pool, slot: Slot): Promise<void> {
  if (slot.golden === null) return;
  const reason = goldenReason(await pool.golden(files.pathOf(slot.golden)), slot.serving.recipe);
  if (reason === null) return;
  throw new FettleError('GOLDEN_MISMATCH', { recipe: slot.serving.recipeName, reason });
}
