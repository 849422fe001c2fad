/**
 * Loads a chosen variant beside whatever serves, and sees that it answers rightly, before it is
 * switched to.
 */

import { FettleError, reasonOf } from '../../shared/errors.ts';
import type { LiveAgreement, ModelGoal, Serving } from '../../shared/protocol/messages.ts';
import type { Slot } from '../journal.ts';
import { keyOf } from '../look.ts';
import { freeMemoryMiB, requireMemory } from '../room.ts';
import { openPool, type Pool } from '../serve/pool.ts';
import { deathsMax } from '../serve/risk.ts';
import { compareLive } from '../serve/shadow.ts';
import { createDrift, type Drift } from '../telemetry/drift.ts';
import { goldenReason } from '../tune/golden-verdict.ts';
import type { StepContext } from './step.ts';

/** The one before stays loaded through the soak only where so much is left beside both. */
const standbyMiB = 64;
/** Live requests are waited for no longer than the soak, and than this. */
const shadowMsMax = 10_000;

/**
 * Switches to the slot's variant, and returns it with what live requests said of it; what served
 * until then finishes its requests, and stands by where it has proven itself. Throws
 * `SERVE_CRASH_LOOP` where loading it has killed the agent before, `GOLDEN_MISMATCH`,
 * `SHADOW_MISMATCH`, `MEMORY_SHORT`, `SERVE_FAILED`.
 */
export async function loadSlot(context: StepContext, slot: Slot): Promise<Serving> {
  const { server, journal } = context;
  const key = keyOf(slot);
  await makeRoom(context, slot);
  const deaths = server.risk.arm(key);
  if (deaths >= deathsMax) {
    throw new FettleError('SERVE_CRASH_LOOP', { digest: slot.serving.variant, times: deaths });
  }
  const { pool, live } = await openProven(context, slot);
  const serving = { ...slot.serving, live };
  const proven = journal.get('current')?.soaked != null;
  const stays = proven && (await freeMemoryMiB(context.settings)) >= standbyMiB;
  // The one before finishes in its own time.
  const drift = await driftOf(context, slot);
  server
    .switchTo({ key, serving, pool, drift }, stays ? 'standby' : 'free')
    .catch((thrown) => context.log('error', String(thrown)));
  return serving;
}

/** Without a golden set that can be read, drift is not measured: that stops no model. */
async function driftOf({ files, log }: StepContext, { golden }: Slot): Promise<Drift | null> {
  if (golden === null) return null;
  const { readReference } = await import('../telemetry/reference.ts');
  try {
    return createDrift(await readReference(files.pathOf(golden)));
  } catch (thrown) {
    log('warn', `drift is not measured: ${reasonOf(thrown)}`);
    return null;
  }
}

/**
 * Two at once need memory for two. Where there is none, the owner may have said that a moment
 * without answers is better than no update.
 */
async function makeRoom(
  { server, settings, event }: StepContext,
  { serving }: Slot,
): Promise<void> {
  await server.dismiss();
  if (server.active() === null) return;
  const { recipeName, bytes, plan } = serving;
  const load = { what: `${recipeName} beside what serves`, bytes, instances: plan.instances };
  try {
    requireMemory(load, await freeMemoryMiB(settings));
  } catch (thrown) {
    if (!settings.allowDowntime || !(thrown instanceof FettleError)) throw thrown;
    event('warn', thrown.code, `${thrown.message}: what serves is stopped first`);
    await server.retire();
  }
}

async function openProven(
  context: StepContext,
  slot: Slot,
): Promise<{ pool: Pool; live: LiveAgreement | null }> {
  const { server, files, signal } = context;
  const { variant, plan } = slot.serving;
  const spec = { path: files.pathOf(variant), plan };
  let pool: Pool | null = null;
  try {
    pool = await openPool(spec, { onCrashLoop: (times) => context.crashed(keyOf(slot), times) });
    await checkAnswers(context, pool, slot);
    const live = await checkLive(context, pool, slot);
    signal.throwIfAborted();
    return { pool, live };
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

/** What answers now is the measure, as far as it answers for the same model. */
async function checkLive(
  { server, desired, signal }: StepContext,
  pool: Pool,
  { serving }: Slot,
): Promise<LiveAgreement | null> {
  const goal = desired?.model;
  if (!goal || goal.name !== serving.model || server.active()?.serving.model !== goal.name) {
    return null;
  }
  const waitMs = Math.min(desired.soakSeconds * 1000, shadowMsMax);
  const metric = goal.sourceQuality?.metric ?? null;
  const live = await compareLive({ server, pool, metric, waitMs, signal });
  requireAgreement(live, goal, serving.recipeName);
  return live;
}

function requireAgreement(live: LiveAgreement | null, goal: ModelGoal, variant: string): void {
  const least = goal.limits.agreement;
  if (live === null || least === undefined || live.agreement >= least) return;
  const { samples } = live;
  const agreement = live.agreement.toFixed(3);
  throw new FettleError('SHADOW_MISMATCH', { variant, agreement, samples, least });
}
