/** Calibration samples in two files: what variants are fitted to, and what they are compared on. */
import { join } from 'node:path';
import { type NpyArray, openNpz, readArray, writeNpz } from '../../evaluate/npz.ts';

export interface Split {
  readonly fitPath: string;
  readonly judgePath: string;
}

/** Every so-many-th sample is held out. */
const heldOut = 4;
/** With fewer samples nothing is held out: too little would be left to fit to. */
const samplesMin = 16;

export async function splitCalibration(path: string, folder: string): Promise<Split> {
  const npz = await openNpz(path);
  const fit: Record<string, NpyArray> = {};
  const judge: Record<string, NpyArray> = {};
  for (const name of npz.arrays.keys()) {
    const array = await readArray(npz, name);
    if ((array.shape[0] ?? 0) < samplesMin) return { fitPath: path, judgePath: path };
    fit[name] = rowsOf(array, (row) => row % heldOut !== heldOut - 1);
    judge[name] = rowsOf(array, (row) => row % heldOut === heldOut - 1);
  }
  const split = { fitPath: join(folder, 'fit.npz'), judgePath: join(folder, 'judge.npz') };
  await writeNpz(split.fitPath, fit);
  await writeNpz(split.judgePath, judge);
  return split;
}

function rowsOf({ type, shape, data }: NpyArray, takes: (row: number) => boolean): NpyArray {
  const [rows = 0, ...rest] = shape;
  const size = data.length / Math.max(1, rows);
  const taken = [...Array(rows).keys()].filter(takes);
  const part = data.slice(0, taken.length * size);
  for (const [to, from] of taken.entries()) {
    for (let i = 0; i < size; i += 1) part[to * size + i] = data[from * size + i] ?? 0;
  }
  return { type, shape: [taken.length, ...rest], data: part };
}
