/**
 * Loads a chosen variant beside whatever serves, and sees that it answers rightly, before it is
 * switched to.
 */

import { FettleError, reasonOf } from '../../shared/errors.ts';
import type { GoldenAgreement, LiveAgreement } from '../../shared/protocol/comparisons.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import type { Slot } from '../journal.ts';
import { keyOf } from '../look.ts';
import { freeMemoryMiB, requireMemory } from '../room.ts';
import { openPool, type Pool } from '../serve/pool.ts';
import { deathsMax } from '../serve/risk.ts';
import { compareGolden, compareLive } from '../serve/shadow.ts';
import { createDrift, type Drift } from '../telemetry/drift.ts';
import { goldenReason } from '../tune/golden-verdict.ts';
import type { StepContext } from './step.ts';

/** The one before stays loaded through the soak only where so much is left beside both. */
const standbyMiB = 64;
/** Live requests are waited for no longer than the soak, and than this. */
const shadowMsMax = 10_000;

/**
 * Switches to the slot's variant, and returns it with what it is against the one before; what
 * served until then finishes its requests, and stands by where it has proven itself. Throws
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
  const { pool, compared } = await openProven(context, slot);
  const serving = { ...slot.serving, ...compared };
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
): Promise<{ pool: Pool; compared: Compared }> {
  const { server, files, signal } = context;
  const { variant, plan } = slot.serving;
  const spec = { path: files.pathOf(variant), plan };
  let pool: Pool | null = null;
  try {
    pool = await openPool(spec, { onCrashLoop: (times) => context.crashed(keyOf(slot), times) });
    await checkAnswers(context, pool, slot);
    const compared = await checkBefore(context, pool, slot);
    signal.throwIfAborted();
    return { pool, compared };
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

/** What is measured of it against the one before it, in two ways. */
type Compared = Pick<Serving, 'live' | 'onGolden'>;

/** What answers now is the measure, as far as it answers for the same model. */
async function checkBefore(context: StepContext, pool: Pool, slot: Slot): Promise<Compared> {
  const { server, desired, signal, status } = context;
  const { serving } = slot;
  const goal = desired?.model;
  const before = server.active()?.serving;
  if (!goal || goal.name !== serving.model || before?.model !== goal.name) {
    return { live: null, onGolden: null };
  }
  const metric = goal.sourceQuality?.metric ?? null;
  const named = `version ${before.version} as ${before.recipeName}`;
  status('proving', `compares ${serving.recipeName} with ${named}, which serves`);
  const waitMs = Math.min(desired.soakSeconds * 1000, shadowMsMax);
  const compared = {
    onGolden: await onGoldenInputs(context, { pool, slot, metric }),
    live: await compareLive({ server, pool, metric, waitMs, signal }),
  };
  const { agreement: least = goal.limits.agreement ?? null } = desired;
  const against = evidenceOf(compared);
  if (against) context.event('info', 'VERSIONS_COMPARED', sayAgreement(serving, against, named));
  requireAgreement(against, least, serving.recipeName);
  return compared;
}

/** A golden set that cannot be read stops no model. */
async function onGoldenInputs(
  { server, files, signal, log }: StepContext,
  { pool, slot, metric }: { pool: Pool; slot: Slot; metric: string | null },
): Promise<GoldenAgreement | null> {
  if (slot.golden === null) return null;
  const goldenPath = files.pathOf(slot.golden);
  try {
    return await compareGolden({ server, pool, metric, goldenPath, signal });
  } catch (thrown) {
    signal.throwIfAborted();
    log('warn', `not compared on the golden inputs: ${reasonOf(thrown)}`);
    return null;
  }
}

interface Evidence extends Pick<LiveAgreement, 'samples' | 'agreement'> {
  readonly of: 'live requests' | 'golden inputs';
}

/** Live requests count where they are as many as the golden inputs. */
export function evidenceOf({ live, onGolden }: Compared): Evidence | null {
  if (live && live.samples >= (onGolden?.samples ?? 1)) return { ...live, of: 'live requests' };
  return onGolden ? { ...onGolden, of: 'golden inputs' } : null;
}

function sayAgreement({ version, recipeName }: Serving, seen: Evidence, before: string): string {
  const { agreement, samples, of } = seen;
  const alike = `${Math.round(agreement * samples)} of ${samples} ${of}`;
  return `version ${version} as ${recipeName} answers ${alike} as ${before} does`;
}

function requireAgreement(seen: Evidence | null, least: number | null, variant: string): void {
  if (seen === null || least === null || seen.agreement >= least) return;
  const { samples, of } = seen;
  const agreement = seen.agreement.toFixed(3);
  throw new FettleError('SHADOW_MISMATCH', { variant, agreement, samples, of, least });
}
