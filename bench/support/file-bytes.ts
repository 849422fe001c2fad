/**
 * Contents of files of many kinds as the file-type model takes them, from what is installed here.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import { productRoot } from '../../shared/product.ts';

/** The first and the last so many bytes are looked at; shorter files are filled up. */
const part = 1024;
const filler = 256;
const perKind = 40;
const wanted = 528;

/** Writes `calibration.npz` (128 files) and `evaluation.npz` (400 others) into the folder. */
export async function writeFileBytes(folder: string): Promise<void> {
  const byKind = new Map<string, string[]>();
  collect(join(productRoot(), 'node_modules'), byKind);
  // One of each kind in turn, so that common kinds do not crowd out the others.
  const kinds = [...byKind.values()];
  const files: string[] = [];
  for (let round = 0; round < perKind; round += 1) {
    for (const kind of kinds) files.push(...kind.slice(round, round + 1));
  }
  const rows = files.slice(0, wanted).map((path) => tokensOf(readFileSync(path)));
  const calibration = rows.filter((_, at) => at % 4 === 0).slice(0, 128);
  const evaluation = rows.filter((_, at) => at % 4 !== 0).slice(0, 400);
  await writeNpz(join(folder, 'calibration.npz'), { bytes: arrayOf(calibration) });
  await writeNpz(join(folder, 'evaluation.npz'), { bytes: arrayOf(evaluation) });
}

function collect(folder: string, byKind: Map<string, string[]>, depth = 0): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < 6) collect(path, byKind, depth + 1);
    if (!entry.isFile() || statSync(path).size < 64) continue;
    const kind = /\.(\w{1,6})$/.exec(entry.name)?.[1] ?? entry.name;
    const known = byKind.get(kind) ?? [];
    byKind.set(kind, known);
    if (known.length < perKind) known.push(path);
  }
}

function tokensOf(content: Uint8Array): Int32Array {
  const tokens = new Int32Array(2 * part).fill(filler);
  const head = content.subarray(0, part);
  const tail = content.subarray(Math.max(0, content.length - part));
  tokens.set(head, 0);
  tokens.set(tail, 2 * part - tail.length);
  return tokens;
}

function arrayOf(rows: readonly Int32Array[]) {
  const data = new Int32Array(rows.length * 2 * part);
  for (const [at, row] of rows.entries()) data.set(row, at * 2 * part);
  return { type: 'int32', shape: [rows.length, 2 * part], data } as const;
}
