/** Random lives of a device: goals, restarts, lost files, failures, and the plan that copes. */
import { type Current, plan, type SlotFacts, type StepName } from '../../../agent/plan.ts';
import { type Digest, digestOf } from '../../../shared/digest.ts';
import { FettleError, reportError } from '../../../shared/errors.ts';
import { createRandom } from '../../../shared/random.ts';
import { desiredFor } from '../desired.ts';

const events = 10;
/** More steps without anything happening are a loop. */
const stepsMax = 12;

/** Lives the life of this seed; returns what went wrong, or null. */
export function deviceLife(seed: number): string | null {
  const random = createRandom(seed);
  const device = simulate(random);
  for (let event = 0; event < events; event += 1) {
    let steps = 0;
    for (let next = device.next(); next; next = device.next()) {
      device.act(next.step);
      steps += 1;
      if (steps > stepsMax) return `does not end: ${device.trace.slice(-stepsMax)}`;
      // Fate doesn't wait for a step's successor.
      if (random() < 0.1) break;
    }
    if (device.next() === null && !isRight(device.settled())) {
      return `ends wrongly: ${device.trace.slice(-stepsMax)}`;
    }
    device.fate();
  }
  return null;
}

/** What serves is what is wanted, unless that has failed; and it is loaded. */
function isRight({ desired, goal, current }: ReturnType<Simulated['settled']>): boolean {
  const { slot, loaded, failure } = current;
  const held = failure?.revision === desired.revision && !failure.due;
  const wanted = goal === null ? loaded === null : held || slot?.goalKey === key(goal);
  return wanted && (slot === null || loaded === slot.key);
}

const nothing: Current = { slot: null, loaded: null, choices: [], failure: null, soaked: null };
const key = (name: string): Digest => digestOf(name);
const slotOf = (goal: string, run: string, present: boolean): SlotFacts => ({
  goalKey: key(goal),
  key: key(run),
  present,
});
const error = reportError(new FettleError('NO_VARIANT_FITS', { reason: 'none' }));
const failure = { revision: 1, error, waiting: false, due: false };

type Simulated = ReturnType<typeof simulate>;

/** A device in little: what each step does when it works, and what fate does to it in between. */
function simulate(random: () => number) {
  let desired = desiredFor({ revision: 1 });
  let goal: string | null = 'goal 0';
  let current: Current = nothing;
  const trace: string[] = [];
  const choose = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];

  function act(step: StepName): void {
    const { slot: active, choices } = current;
    const choice = choices.find((one) => one.goalKey === (goal && key(goal)));
    if (step === 'retire') current = nothing;
    else if (step === 'restore' && active) {
      const previous = choices.find((one) => one.key !== active.key) ?? null;
      current = active.present
        ? { ...current, loaded: active.key }
        : { ...current, loaded: null, slot: previous, choices: previous ? [previous] : [] };
    } else if (step === 'tune' && goal) {
      const run = slotOf(goal, `${goal} run ${Math.floor(random() * 3)}`, random() < 0.7);
      current = { ...current, choices: [run, ...choices].slice(0, 3) };
    } else if (step === 'fetch' && choice) {
      const here = { ...choice, present: true };
      current = { ...current, choices: choices.map((one) => (one === choice ? here : one)) };
    } else if (step === 'prove' && choice) {
      current = { ...current, slot: choice, loaded: choice.key, soaked: null };
    } else if (step === 'soak') current = { ...current, soaked: desired.revision };
  }

  const fates: readonly (() => void)[] = [
    () => {
      goal = random() < 0.2 ? null : `goal ${Math.floor(random() * 3)}`;
      const revision = desired.revision + 1;
      desired = goal === null ? desiredFor({ revision, model: null }) : desiredFor({ revision });
    },
    () => {
      current = { ...current, loaded: null };
    },
    () => {
      const lost = current.choices.map((one) => ({ ...one, present: random() < 0.5 }));
      const active = current.slot && { ...current.slot, present: random() < 0.5 };
      current = { ...current, choices: lost, slot: active, loaded: null };
    },
    () => {
      current = { ...current, failure: { ...failure, revision: desired.revision } };
    },
    () => {
      current = { ...current, failure: current.failure && { ...current.failure, due: true } };
    },
  ];
  return {
    trace,
    fate: () => choose(fates)?.(),
    next: () => plan(desired, goal === null ? null : key(goal), current),
    act(step: StepName) {
      trace.push(step);
      act(step);
    },
    settled: () => ({ desired, goal, current }),
  };
}
