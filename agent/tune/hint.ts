/**
 * What another device of the class chose is verified with one short trial instead of searched for.
 */
import { recipeName } from '../../shared/compress/recipe.ts';
import type { Desired } from '../../shared/protocol/messages.ts';
import type { Choice, Trial } from '../../shared/protocol/tuning.ts';
import { choiceOf } from './conclude.ts';
import { planName } from './explain.ts';
import { refusalOf } from './refuse.ts';
import { measure, type Tuner } from './tuner.ts';

type Hint = NonNullable<Desired['hint']>;

/**
 * Slower than this against the other device, and the hint is not believed. What else the machine
 * does may explain more: drift is looked for while it serves.
 */
const slowerMax = { calm: 1.25, disturbed: 3 } as const;

/** The choice where the hint holds here; else null, with the reason to search. */
export async function verifyHint(
  tuner: Tuner,
  hint: Hint,
): Promise<{ choice: Choice | null; reason: string }> {
  const { goal, profile } = tuner.request;
  const told = `${recipeName(hint.recipe)}, ${planName(hint.plan)}, the choice of another device`;
  const search = (why: string) => ({ choice: null, reason: `${told}, was not taken: ${why}` });
  if (hint.hardwareClass !== profile.hardwareClass) {
    return search(`it is of class ${hint.hardwareClass}, this one of ${profile.hardwareClass}`);
  }
  tuner.request.onStep?.(`${told} of this class: verified here`);
  let trial = await measure(tuner, hint, 'verify');
  // A short look that says no is no proof, and a search takes far longer than a closer one.
  const doubtful = refusalOf(goal, trial, null) !== null || isSlower(trial, hint);
  if (trial.state === 'done' && doubtful) trial = await measure(tuner, hint, 1);
  const refusal = refusalOf(goal, trial, null);
  if (refusal !== null) return search(refusal);
  if (isSlower(trial, hint)) {
    const there = hint.latencyMsP50?.toFixed(2);
    return search(`p50 ${trial.latencyMsP50.toFixed(2)} ms here, ${there} ms there`);
  }
  const p50 = `p50 ${Number(trial.latencyMsP50.toPrecision(3))} ms`;
  const proof = `${told} of class ${hint.hardwareClass}; verified here: ${p50}.`;
  const named = `${recipeName(hint.recipe)}, ${planName(hint.plan)}`;
  const choice = choiceOf(trial, { reason: `${named}: ${p50}, as its class chose`, proof });
  return choice === null ? search('it could not be loaded') : { choice, reason: choice.reason };
}

function isSlower(trial: Trial, { latencyMsP50: expected }: Hint): boolean {
  const allowed = typeof trial.disturbed === 'string' ? slowerMax.disturbed : slowerMax.calm;
  return expected !== undefined && trial.latencyMsP50 > expected * allowed;
}
