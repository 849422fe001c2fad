/**
 * Damages a file the way disks, networks and attackers do. Pure: the same random numbers, the same
 * damage.
 */

type Random = () => number;
type Damage = (bytes: Uint8Array, random: Random) => Uint8Array;

const damages: readonly Damage[] = [
  flipBits,
  overwrite,
  truncate,
  removeSpan,
  repeatSpan,
  swapSpans,
  inflateVarint,
  zeroSpan,
  insertNoise,
];

/** One to four damages, one after another. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes.slice();
  const count = 1 + below(random, 3);
  for (let i = 0; i < count && result.length > 0; i += 1) {
    const damage = damages[below(random, damages.length)];
    if (damage) result = damage(result, random);
  }
  return result;
}

function flipBits(bytes: Uint8Array, random: Random): Uint8Array {
  for (let i = 1 + below(random, 8); i > 0; i -= 1) {
    const at = place(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
  }
  return bytes;
}

/** Values that break arithmetic: ends of ranges and signs. */
const evil = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x08, 0x12] as const;

function overwrite(bytes: Uint8Array, random: Random): Uint8Array {
  for (let i = 1 + below(random, 6); i > 0; i -= 1) {
    bytes[place(bytes, random)] = evil[below(random, evil.length)] ?? 0;
  }
  return bytes;
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, below(random, bytes.length));
}

function removeSpan(bytes: Uint8Array, random: Random): Uint8Array {
  const { from, to } = span(bytes, random);
  return join(bytes.subarray(0, from), bytes.subarray(to));
}

function repeatSpan(bytes: Uint8Array, random: Random): Uint8Array {
  const { from, to } = span(bytes, random);
  return join(bytes.subarray(0, to), bytes.subarray(from));
}

function swapSpans(bytes: Uint8Array, random: Random): Uint8Array {
  const a = span(bytes, random);
  const length = Math.min(a.to - a.from, bytes.length - a.to);
  const b = a.to + below(random, Math.max(1, bytes.length - a.to - length));
  const kept = bytes.slice(a.from, a.from + length);
  bytes.copyWithin(a.from, b, b + length);
  bytes.set(kept.subarray(0, bytes.length - b), b);
  return bytes;
}

/** A length or size field that claims up to 2^63. */
function inflateVarint(bytes: Uint8Array, random: Random): Uint8Array {
  const at = place(bytes, random);
  const huge = new Uint8Array(1 + below(random, 9)).fill(0xff);
  return join(bytes.subarray(0, at), huge, Uint8Array.of(below(random, 128)), bytes.subarray(at));
}

function zeroSpan(bytes: Uint8Array, random: Random): Uint8Array {
  const { from, to } = span(bytes, random);
  return bytes.fill(0, from, to);
}

function insertNoise(bytes: Uint8Array, random: Random): Uint8Array {
  const at = place(bytes, random);
  const noise = Uint8Array.from({ length: 1 + below(random, 64) }, () => below(random, 256));
  return join(bytes.subarray(0, at), noise, bytes.subarray(at));
}

/** Half of the damage goes where structure is dense: the first and the last 4 KiB. */
function place(bytes: Uint8Array, random: Random): number {
  const dense = Math.min(4096, bytes.length);
  const choice = random();
  if (choice < 0.25) return below(random, dense);
  if (choice < 0.5) return bytes.length - 1 - below(random, dense);
  return below(random, bytes.length);
}

function span(bytes: Uint8Array, random: Random): { from: number; to: number } {
  const from = place(bytes, random);
  const most = random() < 0.8 ? 64 : bytes.length;
  return { from, to: Math.min(bytes.length, from + 1 + below(random, most)) };
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
