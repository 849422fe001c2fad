/**
 * Cuts the update of a device or of its agent, or a rollout of the controller, at every point that
 * it passes. Goal: after each, a restart converges: exactly one good variant serves, one good agent
 * runs, no step is lost or doubled. Method: one run writes the points down; then each run dies at
 * one of them, before the call or after it.
 */
import { createRandom } from '../../../shared/random.ts';
import type { Owner } from '../owner.ts';
import type { Lane } from './lane.ts';

export interface CutOptions {
  /** What is cut: each lane does it over and over. */
  readonly open: (t: Owner) => Promise<Lane>;
  readonly seed: number;
  /** A call that is passed again and again is cut at so many of its first passings. */
  readonly passings: number;
  /** How many of the points; all where it is null. */
  readonly sample: number | null;
  /** Leaves out so many of them, in the order that the seed gives. */
  readonly skip: number;
  readonly parallel: number;
  readonly say: (text: string) => void;
}

export interface CutReport {
  /** Calls known by their place. */
  readonly places: number;
  /** Places, before and after: what can be cut. */
  readonly points: number;
  readonly cut: number;
  /** Points that a second run did not pass. */
  readonly missed: readonly string[];
  readonly faults: readonly string[];
}

interface Point {
  readonly point: string;
  readonly when: 'before' | 'after';
  readonly nth: number;
}

/** A point that hangs on timing is tried so often. */
const attempts = 2;

export async function cutPoints(t: Owner, options: CutOptions): Promise<CutReport> {
  const { seed, sample, skip, passings, parallel, say, open } = options;
  const lanes = await Promise.all(Array.from({ length: parallel }, () => open(t)));
  const recorded = (await lanes[0]?.record()) ?? [];
  const all = recorded.flatMap(([point, times]) =>
    Array.from({ length: Math.min(times, passings) }).flatMap((_, index): Point[] => [
      { point, when: 'before', nth: index + 1 },
      { point, when: 'after', nth: index + 1 },
    ]),
  );
  const chosen = shuffled(all, createRandom(seed)).slice(skip, skip + (sample ?? all.length));
  say(`${recorded.length} places, ${all.length} points, ${chosen.length} to cut`);
  const missed: string[] = [];
  const faults: string[] = [];
  let at = 0;
  const work = async (lane: Lane) => {
    for (let next = chosen[at++]; next; next = chosen[at++]) {
      const number = at;
      const name = `${next.when} ${next.point} (${next.nth})`;
      const result = await cutOnce(lane, next);
      if (!result.died) missed.push(name);
      faults.push(...result.faults.map((fault) => `${name}: ${fault}`));
      const outcome = result.died ? 'died, converged' : 'not passed';
      say(`${number}/${chosen.length} ${name}: ${result.faults.join('; ') || outcome}`);
    }
  };
  await Promise.all(lanes.map(work));
  const cut = chosen.length - missed.length;
  return { places: recorded.length, points: all.length, cut, missed, faults };
}

async function cutOnce(lane: Lane, point: Point) {
  let result = await lane.cut({ kind: 'kill', ...point });
  for (let attempt = 1; attempt < attempts && !result.died; attempt++) {
    result = await lane.cut({ kind: 'kill', ...point });
  }
  return result;
}

/** Fisher and Yates. */
function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const left = [...values];
  const out: T[] = [];
  while (left.length > 0) out.push(...left.splice(Math.floor(random() * left.length), 1));
  return out;
}
