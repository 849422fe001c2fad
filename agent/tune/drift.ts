/**
 * Whether a device is still what it was when it was tuned: by rule, not by clock. A new runtime or
 * another hardware class ask for a tuning by themselves, because a choice is made for them; here it
 * is told from how long runs take. Pure.
 */
import { quantileOf } from '../../shared/evaluate/timing.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';
import { coresOf } from './explain.ts';

/** What was measured when the variant was chosen. */
export interface Tuned {
  readonly latencyMsP50: number;
  /** Half the width of its interval, as a share. */
  readonly spread: number;
  readonly temperatureC: number | null;
  readonly plan: Plan;
}

/** A minute of serving. */
export interface ServingMinute {
  readonly runs: number;
  /** Of a run in the runtime, without waiting and transport. */
  readonly latencyMsP50: number;
  readonly temperatureC: number | null;
  /** Processors that the process may use, and what others used of them. */
  readonly cores: number;
  readonly otherCores: number | null;
}

export interface DriftVerdict {
  readonly retune: boolean;
  readonly reason: string;
}

/** Fewer runs in a minute say little of its median. */
const runsMin = 20;
/** How many minutes a shift must last: longer where heat or load explains it and may pass. */
const lasting = { unexplained: 10, explained: 60 } as const;
/** The minutes that a caller keeps. */
export const minutesKept = lasting.explained;
/** One in so many minutes may be otherwise. */
const exceptions = 0.1;
/** Less is noise, or no reason to measure for minutes. */
const shiftMin = 0.25;
const noiseTimes = 3;
const hotterC = 10;
const loadedCores = 0.5;

/** `minutes` with the newest last. */
export function judgeDrift(tuned: Tuned, minutes: readonly ServingMinute[]): DriftVerdict {
  const telling = minutes.filter(({ runs }) => runs >= runsMin);
  const beyond = Math.max(shiftMin, noiseTimes * tuned.spread);
  const recent = telling.slice(-lasting.unexplained);
  if (recent.length < lasting.unexplained) return keep(`${recent.length} telling minutes so far`);
  const direction = directionOf(tuned, recent, beyond);
  if (direction === null) return keep('runs take as long as when it was tuned');
  const shift = shiftOf(tuned, recent);
  const said =
    `runs take ${(100 * Math.abs(shift)).toFixed(0)} % ${shift > 0 ? 'longer' : 'less long'} ` +
    `than when it was tuned`;
  const cause = explanationOf(tuned, recent);
  if (cause === null) return { retune: true, reason: `${said}, for ${recent.length} minutes` };
  const long = telling.slice(-lasting.explained);
  const lasts = long.length >= lasting.explained && directionOf(tuned, long, beyond) === direction;
  if (!lasts) return keep(`${said}; ${cause}, which may pass`);
  return { retune: true, reason: `${said}, for ${long.length} minutes: ${cause}` };
}

function keep(reason: string): DriftVerdict {
  return { retune: false, reason };
}

/** Where nearly all minutes are beyond on one side. */
function directionOf(
  { latencyMsP50 }: Tuned,
  minutes: readonly ServingMinute[],
  beyond: number,
): 'slower' | 'faster' | null {
  const enough = minutes.length * (1 - exceptions);
  const ratios = minutes.map((minute) => minute.latencyMsP50 / latencyMsP50);
  if (ratios.filter((ratio) => ratio > 1 + beyond).length >= enough) return 'slower';
  return ratios.filter((ratio) => ratio < 1 / (1 + beyond)).length >= enough ? 'faster' : null;
}

function shiftOf({ latencyMsP50 }: Tuned, minutes: readonly ServingMinute[]): number {
  return median(minutes.map((minute) => minute.latencyMsP50)) / latencyMsP50 - 1;
}

function explanationOf(tuned: Tuned, minutes: readonly ServingMinute[]): string | null {
  const heat = median(minutes.flatMap(({ temperatureC }) => temperatureC ?? []));
  if (tuned.temperatureC !== null && heat >= tuned.temperatureC + hotterC) {
    return `it is at ${heat.toFixed(0)} °C and was at ${tuned.temperatureC.toFixed(0)} °C`;
  }
  const [last] = minutes.slice(-1);
  const spare = Math.max(0, (last?.cores ?? 1) - coresOf(tuned.plan));
  const others = median(minutes.flatMap(({ otherCores }) => otherCores ?? []));
  return others >= spare + loadedCores ? `other processes use ${others.toFixed(1)} cores` : null;
}

/** 0 where there are none. */
function median(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}
