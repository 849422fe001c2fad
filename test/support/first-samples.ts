/** A data set of the first samples of another: for tests that need few. */
import { type NpyArray, openNpz, readRows, writeNpz } from '../../shared/evaluate/npz.ts';

export async function firstSamples(path: string, outPath: string, count: number): Promise<void> {
  const npz = await openNpz(path);
  const arrays: Record<string, NpyArray> = {};
  for (const name of npz.arrays.keys()) {
    for await (const rows of readRows(npz, name, count)) {
      arrays[name] = rows;
      break;
    }
  }
  await writeNpz(outPath, arrays);
}
