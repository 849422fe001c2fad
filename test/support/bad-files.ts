/** Files that are wrong in one way each, made from the example package. */
import { cpSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNpyHeader } from '../../shared/evaluate/npy.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import { formatZip } from '../../shared/evaluate/zip-write.ts';
import { readModelFile } from '../../shared/onnx/read.ts';
import { writeModelFile } from '../../shared/onnx/write.ts';
import { productRoot } from '../../shared/product.ts';

/** The example package. */
export const digits = join(productRoot(), 'examples', 'digits');

export interface BadFiles {
  readonly truncatedModel: string;
  readonly unknownOperator: string;
  readonly wrongShape: string;
  /** An array that says it has ten billion bytes, in a file of a few hundred. */
  readonly hugeClaim: string;
}

export async function makeBadFiles(folder: string): Promise<BadFiles> {
  const at = (name: string) => join(folder, name);
  const files = {
    truncatedModel: at('truncated.onnx'),
    unknownOperator: at('unknown.onnx'),
    wrongShape: at('wrong-shape.npz'),
    hugeClaim: at('huge.npz'),
  };
  cpSync(join(digits, 'model.onnx'), files.truncatedModel);
  truncateSync(files.truncatedModel, 1_000_000);
  const model = await readModelFile(join(digits, 'model.onnx'));
  for (const node of model.graph.nodes) if (node.op === 'Relu') node.op = 'Frobnicate';
  await writeModelFile(files.unknownOperator, model);
  const data = new Uint8Array(2 * 3 * 8 * 8);
  await writeNpz(files.wrongShape, {
    image: { type: 'uint8', shape: [2, 3, 8, 8], data },
    labels: { type: 'int64', shape: [2], data: new BigInt64Array(2) },
  });
  const bytes = formatNpyHeader('uint8', [10_000_000_000]);
  writeFileSync(files.hugeClaim, formatZip([{ name: 'image.npy', bytes }], false));
  return files;
}
