/** What was built is loaded and run before it is written. */

import { FettleError } from '../errors.ts';
import { openSession } from '../evaluate/runtime.ts';
import { numbersOf, type RuntimeTensor, type Tensors } from '../evaluate/tensor.ts';
import { own as entryOf } from '../own.ts';
import { type Recipe, recipeName } from './recipe.ts';
import { runEach, type SourceRuns } from './source-runs.ts';

/**
 * Notes on outputs that overflow where the source's are finite. Throws `VARIANT_FAILED` where the
 * runtime does not open or run it, or where it gives no numbers: the fault is not the model's.
 */
export async function faultsOf(
  bytes: Uint8Array,
  runs: SourceRuns | string,
  recipe: Recipe,
): Promise<string[]> {
  const samples = typeof runs === 'string' ? [] : runs.samples;
  const results = await orFailed(recipe, () => run(bytes, samples));
  const expected = typeof runs === 'string' ? [] : runs.results;
  const faults = expected.flatMap((one, at) => faultsBetween(one, results[at] ?? {}));
  const fatal = faults.find((fault) => fault.fatal);
  if (fatal) throw failed(recipe, fatal.said);
  return [...new Set(faults.map(({ said }) => said))];
}

async function run(bytes: Uint8Array, samples: readonly Tensors[]): Promise<Tensors[]> {
  const session = await openSession(bytes, { threads: 1, spinning: false });
  try {
    return await runEach(session, samples);
  } finally {
    await session.release();
  }
}

async function orFailed<T>(recipe: Recipe, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof FettleError) || thrown.code !== 'MODEL_UNRUNNABLE') throw thrown;
    throw failed(recipe, `what was built does not run (${thrown.details.reason})`, thrown);
  }
}

function failed(recipe: Recipe, reason: string, cause?: unknown): FettleError {
  return new FettleError('VARIANT_FAILED', { recipe: recipeName(recipe), reason }, { cause });
}

interface Fault {
  readonly said: string;
  readonly fatal: boolean;
}

function faultsBetween(expected: Tensors, got: Tensors): Fault[] {
  return Object.entries(expected).flatMap(([name, tensor]): Fault[] => {
    const own = entryOf(got, name);
    if (own?.type !== tensor.type || own.dims.length !== tensor.dims.length) {
      return [{ said: `output ${name} has another type or rank than the source's`, fatal: true }];
    }
    const [source, built] = [worstNumber(tensor), worstNumber(own)];
    if (built === source || built === 'finite' || source === 'not a number') return [];
    return [
      built === 'infinite'
        ? { said: `Output ${name} is infinite where the source's is finite.`, fatal: false }
        : { said: `output ${name} is not a number where the source's is one`, fatal: true },
    ];
  });
}

function worstNumber(tensor: RuntimeTensor): 'finite' | 'infinite' | 'not a number' {
  if (tensor.type === 'string') return 'finite';
  let infinite = false;
  const numbers = numbersOf(tensor);
  for (let at = 0; at < numbers.length; at += 1) {
    if (Number.isNaN(numbers[at])) return 'not a number';
    infinite ||= !Number.isFinite(numbers[at]);
  }
  return infinite ? 'infinite' : 'finite';
}
