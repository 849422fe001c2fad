/**
 * Runs of varints as stored integers: exporters write whole tensors as `int64_data`, tens of
 * millions of elements, so no object is made of any.
 */
import { maxModelBytes } from './sink.ts';
import { type Field, invalid, type Reading } from './wire.ts';

/** The elements of one field, packed or single, as little-endian integers of 1, 2, 4 or 8 bytes. */
export function storedIntegers(
  reading: Reading,
  { payload }: Field,
  width: number,
): Uint8Array<ArrayBuffer> {
  if (typeof payload === 'object') return storedRun(reading, payload, width);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, payload, true);
  return bytes.slice(0, width);
}

function storedRun(reading: Reading, run: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const count = countVarints(run);
  if (count * width > maxModelBytes) throw invalid(reading, 'a tensor of more than 2 GiB');
  if (run.byteLength > 0 && (run.at(-1) ?? 0) > 127) {
    throw invalid(reading, 'a run of integers is cut short');
  }
  const bytes = new Uint8Array(count * width);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let index = 0; index < count; index++) {
    let low = 0;
    let high = 0;
    let shift = 0;
    let part = 128;
    for (; part > 127; shift += 7) {
      part = run[at++] ?? 0;
      const bits = part & 127;
      if (shift < 32) low |= bits << shift;
      // The fifth part straddles the two halves.
      if (shift === 28) high |= bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (shift > 63) throw invalid(reading, 'an integer of more than 64 bits');
    }
    store(view, index * width, { low, high, width });
  }
  return bytes;
}

/** Each ends with the one byte below 128. */
function countVarints(run: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < run.length; at++) if ((run[at] ?? 0) < 128) count += 1;
  return count;
}

function store(
  view: DataView,
  at: number,
  { low, high, width }: { low: number; high: number; width: number },
): void {
  if (width === 1) view.setInt8(at, low);
  else if (width === 2) view.setInt16(at, low, true);
  else view.setInt32(at, low, true);
  if (width === 8) view.setInt32(at + 4, high, true);
}
