/** What was asked for is not there: the nearest name is, where one comes near. */
import { FettleError } from './errors.ts';
import { didYouMean } from './nearest.ts';

export interface Missing {
  /** What kind of thing: `device`. */
  readonly what: string;
  readonly name: string;
  /** The names that there are. */
  readonly known: Iterable<string>;
}

/** Names that are looked at; more would take long. */
const knownMax = 10_000;

export function notFound({ what, name, known }: Missing): FettleError {
  const names: string[] = [];
  for (const one of known) if (names.push(one) >= knownMax) break;
  return new FettleError('NOT_FOUND', { what: `${what} ${name}`, near: didYouMean(name, names) });
}

/** A version, release or other number that is not there: the ones that are. */
export function notNumbered({ what, name, known }: Missing): FettleError {
  const numbers = [...known].slice(0, numbersMax);
  const near = numbers.length === 0 ? '' : `; there ${areOf(numbers)}`;
  return new FettleError('NOT_FOUND', { what: `${what} ${name}`, near });
}

/** As many as one reads at a glance. */
const numbersMax = 10;

function areOf(numbers: readonly string[]): string {
  return numbers.length === 1 ? `is ${numbers[0]}` : `are ${numbers.join(', ')}`;
}
