/** A name for a machine whose own name is another device's. */
import { randomBytes } from 'node:crypto';

/** What a name may be long. */
const charsMax = 64;
const numbersMax = 100;

/**
 * The name with what tells the machine from others behind it; where that is taken too, images of
 * one disk say, with a number; at last with something random.
 */
export function freeName(
  { name, machine }: { readonly name: string; readonly machine: string | null },
  isFree: (name: string) => boolean,
): string {
  const numbers = Array.from({ length: numbersMax }, (_, index) => String(index + 2));
  const endings = [...(machine === null ? [] : [machine]), ...numbers];
  const proposed = endings.map((ending) => withEnding(name, ending)).find(isFree);
  return proposed ?? withEnding(name, randomBytes(4).toString('hex'));
}

function withEnding(name: string, ending: string): string {
  return `${name.slice(0, charsMax - ending.length - 1)}-${ending}`;
}
