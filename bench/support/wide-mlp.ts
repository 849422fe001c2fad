/**
 * A made-up model of large matrices with data that follows a few common causes, as activations do.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeNode } from '../../shared/compress/attributes.ts';
import { floatTensor } from '../../shared/compress/tensors.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import type { Node, Tensor } from '../../shared/onnx/graph.ts';
import { writeModelFile } from '../../shared/onnx/write.ts';
import { createRandom } from '../../shared/random.ts';

const widths = [768, 3072, 768] as const;
const causes = 48;

/** Writes model and data sets into the folder; returns the model's path. */
export async function writeWideMlp(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const random = createRandom(1);
  const initializers = new Map<string, Tensor>();
  const nodes: Node[] = [];
  let value = 'x';
  for (const [at, outputs] of widths.slice(1).entries()) {
    const inputs = widths[at] ?? 1;
    const spread = Math.sqrt(2 / inputs);
    const weights = Float64Array.from(
      { length: inputs * outputs },
      () => spread * gaussian(random),
    );
    initializers.set(`w${at}`, floatTensor([inputs, outputs], weights));
    const last = at === widths.length - 2;
    nodes.push(
      makeNode('MatMul', `m${at}`, { inputs: [value, `w${at}`], outputs: [last ? 'y' : `p${at}`] }),
    );
    if (!last) nodes.push(makeNode('Relu', `r${at}`, { inputs: [`p${at}`], outputs: [`h${at}`] }));
    value = `h${at}`;
  }
  const path = join(folder, 'model.onnx');
  await writeModelFile(path, {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producer: 'fettle-bench',
    graph: {
      ...{ name: 'wide', nodes, initializers, values: new Map() },
      inputs: [{ name: 'x', type: 'float', dims: [1, widths[0]] }],
      outputs: [{ name: 'y', type: 'float', dims: [1, widths[widths.length - 1] ?? 1] }],
    },
  });
  const mixing = Float64Array.from({ length: causes * widths[0] }, () => gaussian(random));
  await writeNpz(join(folder, 'calibration.npz'), { x: samples(128, mixing, random) });
  await writeNpz(join(folder, 'evaluation.npz'), { x: samples(400, mixing, random) });
  return path;
}

function samples(count: number, mixing: Float64Array, random: () => number) {
  const [width] = widths;
  const data = new Float32Array(count * width);
  for (let sample = 0; sample < count; sample += 1) {
    for (let i = 0; i < width; i += 1) data[sample * width + i] = 0.3 * gaussian(random);
    for (let cause = 0; cause < causes; cause += 1) {
      const strength = gaussian(random) / Math.sqrt(causes);
      for (let i = 0; i < width; i += 1) {
        const at = sample * width + i;
        data[at] = (data[at] ?? 0) + strength * (mixing[cause * width + i] ?? 0);
      }
    }
  }
  return { type: 'float', shape: [count, width], data } as const;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}
