/**
 * The smallest package worth pushing: one matrix product, with calibration and labelled evaluation
 * data.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NpyArray } from '../../shared/evaluate/npz.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import { writeModel } from '../../shared/onnx/write.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from './graphs.ts';

export interface TinyOptions {
  readonly name?: string;
  /** false leaves both data sets out. */
  readonly data?: boolean;
  /** Makes the content differ: what the biases are. */
  readonly bias?: number;
  /** So many classes beside the right one it answers: 0 is right. */
  readonly wrongBy?: number;
  /** Which samples the evaluation set holds. */
  readonly evaluation?: number;
  /** false leaves the labels out, so that nothing says what is right. */
  readonly labels?: boolean;
  /** Features of a sample. */
  readonly features?: number;
  /** More members of the manifest. */
  readonly manifest?: object;
}

const featuresUsual = 4;
const classes = 3;

/** Writes the package into the folder and returns its path. */
export async function writeTinyPackage(folder: string, options: TinyOptions = {}): Promise<string> {
  const { name = 'tiny', data = true, evaluation = 2, labels = true } = options;
  const { features = featuresUsual } = options;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), tinyModel(options));
  if (data) {
    await writeNpz(join(folder, 'calibration.npz'), samples({ count: 16, seed: 1, features }));
    const evaluated = samples({ count: 24, seed: evaluation, features, labels });
    await writeNpz(join(folder, 'evaluation.npz'), evaluated);
  }
  const manifest = {
    name,
    model: 'model.onnx',
    ...options.manifest,
    ...(data ? { calibration: 'calibration.npz', evaluation: 'evaluation.npz' } : {}),
  };
  await writeFile(join(folder, 'fettle.json'), JSON.stringify(manifest));
  return folder;
}

/** `y = x·W + b`: the class is the largest of the first three features. */
export function tinyModel({
  bias = 0,
  wrongBy = 0,
  features = featuresUsual,
}: Pick<TinyOptions, 'bias' | 'wrongBy' | 'features'> = {}): Uint8Array {
  const weights = Array.from({ length: features * classes }, (_, index) => {
    const feature = Math.floor(index / classes);
    return feature < classes && (feature + wrongBy) % classes === index % classes ? 1 : 0;
  });
  const graph = graphOf({
    nodes: [nodeOf('Gemm', { inputs: ['x', 'w', 'b'], outputs: ['y'] })],
    inputs: [valueNamed('x', ['N', features])],
    outputs: [],
    initializers: {
      w: floats([features, classes], weights),
      b: floats([classes], Array(classes).fill(bias)),
    },
  });
  return writeModel(modelOf({ ...graph, outputs: [valueNamed('y', ['N', classes])] }));
}

interface Samples {
  readonly count: number;
  readonly seed: number;
  readonly features: number;
  readonly labels?: boolean;
}

function samples({ count, seed, features, labels = false }: Samples): Record<string, NpyArray> {
  const rows = Array.from({ length: count }, (_, sample) =>
    Array.from({ length: features }, (_, feature) =>
      Math.abs(Math.sin((sample + 1) * (feature + 2) * seed)),
    ),
  );
  const best = rows.map((row) => row.slice(0, classes).indexOf(Math.max(...row.slice(0, classes))));
  return {
    x: { type: 'float', shape: [count, features], data: Float32Array.from(rows.flat()) },
    ...(labels
      ? { labels: { type: 'int64', shape: [count], data: BigInt64Array.from(best.map(BigInt)) } }
      : {}),
  };
}
