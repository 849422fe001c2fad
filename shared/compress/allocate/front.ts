/**
 * One option for each unit (bits of a layer, channels of a group) so that the sum of what is lost
 * is least for what it costs: a multiple-choice knapsack. The state of the dynamic programming is
 * a pair of sums that no other beats in both (Nemhauser, Ullmann, "Discrete Dynamic Programming
 * and Capital Allocation", Management Science 15, 1969); where they become too many, one remains
 * in each bucket of the budget, as in Frantar, Alistarh, "SPDY: Accurate Pruning with Speedup
 * Guarantees", ICML 2022, §3. That losses add up is a proposal: what comes out is to be measured.
 */

export interface Option {
  readonly name: string;
  readonly bytes: number;
  readonly ms: number;
  /** Any scale on which losses add up; below 0 it is a gain. */
  readonly loss: number;
}

export interface Unit<O extends Option> {
  readonly name: string;
  /** At least one. */
  readonly options: readonly O[];
}

export interface Allocation<O extends Option> {
  /** The option of each unit, by the unit's name. */
  readonly chosen: ReadonlyMap<string, O>;
  readonly bytes: number;
  readonly ms: number;
  readonly loss: number;
}

export interface FrontOptions {
  /** What is paid with. */
  readonly cost: 'bytes' | 'ms';
  /** What may be paid at most: nothing dearer is looked at. */
  readonly budget?: number;
  /** States kept after each unit, at most. */
  readonly buckets?: number;
}

const defaultBuckets = 4096;

/**
 * Every allocation that none beats in both cost and loss, the cheapest first, so that losses fall.
 * Empty where nothing is within the budget. Exact while there are no more states than buckets; past
 * that, whoever pays `units · budget / buckets` less finds nothing better. Throws `RangeError`
 * where a unit has no option or a figure is not finite.
 */
export function paretoFront<O extends Option>(
  units: readonly Unit<O>[],
  options: FrontOptions,
): Allocation<O>[] {
  for (const unit of units) requireFigures(unit);
  const { cost } = options;
  let remaining = units.reduce((sum, unit) => sum + leastOf(unit, cost), 0);
  let states: readonly State<O>[] = [{ cost: 0, loss: 0, last: null }];
  for (const unit of units) {
    remaining -= leastOf(unit, cost);
    const most = (options.budget ?? Number.POSITIVE_INFINITY) - remaining;
    const next = unit.options.flatMap((option) =>
      states.map((state) => extended(state, { unit, option, cost })),
    );
    const within = next.filter((state) => state.cost <= most + rounding * Math.abs(most));
    states = thinned(undominated(within), options.buckets ?? defaultBuckets);
  }
  return states
    .map(allocationOf)
    .filter((allocation) => allocation[cost] <= (options.budget ?? Number.POSITIVE_INFINITY));
}

/** What is lost least within the budget; null where nothing is. */
export function leastLoss<O extends Option>(
  units: readonly Unit<O>[],
  options: FrontOptions & { readonly budget: number },
): Allocation<O> | null {
  return paretoFront(units, options).at(-1) ?? null;
}

/** What is cheapest of all that loses no more; null where nothing does. */
export function leastCost<O extends Option>(
  units: readonly Unit<O>[],
  options: FrontOptions & { readonly maxLoss: number },
): Allocation<O> | null {
  return paretoFront(units, options).find(({ loss }) => loss <= options.maxLoss) ?? null;
}

interface State<O extends Option> {
  readonly cost: number;
  readonly loss: number;
  readonly last: { readonly unit: string; readonly option: O; readonly before: State<O> } | null;
}

/** Sums in another order differ by so much of themselves. */
const rounding = 1e-9;

function requireFigures<O extends Option>({ name, options }: Unit<O>): void {
  if (options.length === 0) throw new RangeError(`${name} has no option`);
  for (const option of options) {
    const finite = [option.bytes, option.ms, option.loss].every(Number.isFinite);
    if (!finite) throw new RangeError(`a figure of ${option.name} of ${name} is not finite`);
  }
}

function leastOf<O extends Option>({ options }: Unit<O>, cost: 'bytes' | 'ms'): number {
  return Math.min(...options.map((option) => option[cost]));
}

function extended<O extends Option>(
  before: State<O>,
  { unit, option, cost }: { unit: Unit<O>; option: O; cost: 'bytes' | 'ms' },
): State<O> {
  return {
    cost: before.cost + option[cost],
    loss: before.loss + option.loss,
    last: { unit: unit.name, option, before },
  };
}

/** Those that are cheaper than all that lose less; of equal ones the first. */
function undominated<O extends Option>(states: readonly State<O>[]): State<O>[] {
  const sorted = states.toSorted((a, b) => a.cost - b.cost || a.loss - b.loss);
  let least = Number.POSITIVE_INFINITY;
  return sorted.filter(({ loss }) => {
    if (loss >= least) return false;
    least = loss;
    return true;
  });
}

/** The one that loses least of each bucket, and the cheapest of all. */
function thinned<O extends Option>(states: State<O>[], buckets: number): State<O>[] {
  const [first] = states;
  const last = states.at(-1);
  if (!first || !last || states.length <= buckets) return states;
  const width = (last.cost - first.cost) / (buckets - 1);
  const bucketOf = ({ cost }: State<O>) => Math.ceil((cost - first.cost) / width);
  return states.filter((state, at) => {
    const next = states[at + 1];
    return at === 0 || next === undefined || bucketOf(next) !== bucketOf(state);
  });
}

function allocationOf<O extends Option>(state: State<O>): Allocation<O> {
  const chosen: [string, O][] = [];
  for (let { last } = state; last !== null; last = last.before.last) {
    chosen.push([last.unit, last.option]);
  }
  chosen.reverse();
  const sum = (name: 'bytes' | 'ms' | 'loss') =>
    chosen.reduce((total, [, option]) => total + option[name], 0);
  return { chosen: new Map(chosen), bytes: sum('bytes'), ms: sum('ms'), loss: sum('loss') };
}
