/** What is wrong with a version of a model, as the devices feel it. */
import { emptyHistogram, record } from '../../../shared/histogram.ts';
import type { Window } from '../../../shared/protocol/messages.ts';

export const flaws = [
  'slower',
  'wrong',
  'crashing',
  'leaking',
  'failing',
  'too big',
  'other answers',
] as const;
export type Flaw = (typeof flaws)[number];

/** A version that is good has no flaw; one may be bad on one hardware class only. */
export interface Behaviour {
  readonly flaw: Flaw | null;
  readonly onlyClass?: string;
}

/** What a rollout must say when it stops such a version. */
export const causes: Readonly<Record<Flaw, RegExp>> = {
  slower: /p95 .* × (its baseline|devices not updated), at most/,
  wrong: /agreement with golden outputs 0\.6, at least 0\.9/,
  crashing: /failed, the limit is \d+; .*crashed twice/,
  leaking: /memory .* × its baseline, at most/,
  failing: /% of \d+ requests fail/,
  'too big': /failed, the limit is \d+; .*no variant fits/i,
  'other answers': /agreement with the variant before on golden inputs 0,/,
};

/** Median milliseconds of a request, by hardware class. */
export const hardware: Readonly<Record<string, number>> = {
  'pi-4': 24,
  'pi-5': 9,
  jetson: 5,
  'x64-avx2': 3,
};

export function flawOn(behaviour: Behaviour | undefined, hardwareClass: string): Flaw | null {
  const { flaw = null, onlyClass = hardwareClass } = behaviour ?? {};
  return onlyClass === hardwareClass ? flaw : null;
}

const requestsUsual = 20;

interface Serving {
  readonly seq: number;
  readonly model: string;
  readonly version: number;
  readonly hardwareClass: string;
  readonly flaw: Flaw | null;
  /** How long it has served this. */
  readonly seconds: number;
  readonly random: () => number;
  /** Nobody asks it anything. */
  readonly quiet: boolean;
}

/** Half a second in the life of a device, the requests spread as latencies are. */
export function windowOfServing(serving: Serving): Window {
  const { seq, model, version, hardwareClass, flaw, seconds, random, quiet } = serving;
  const requests = quiet ? 0 : requestsUsual;
  const median = (hardware[hardwareClass] ?? 10) * (flaw === 'slower' ? 3 : 1);
  const latencyMs = emptyHistogram();
  for (let request = 0; request < requests; request += 1) {
    record(latencyMs, median * (0.9 + 0.2 * random() + (random() < 0.05 ? 0.3 : 0)));
  }
  return {
    seq,
    start: new Date().toISOString(),
    seconds: 0.5,
    ...{ model, version, variant: null, requests },
    errors: flaw === 'failing' ? Math.round(requests * 0.3) : 0,
    latencyMs: { ...latencyMs },
    memoryMiB: 80 + 4 * random() + (flaw === 'leaking' ? 60 * seconds : 0),
    cores: 0.5,
    temperatureC: 55 + 5 * random(),
  };
}
