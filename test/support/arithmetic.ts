/** Models that compute something a test can compute too. */
import { join } from 'node:path';
import type { Dimension, ElementType } from '../../shared/onnx/graph.ts';
import { writeModelFile } from '../../shared/onnx/write.ts';
import { temporaryFolder } from './fettle.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from './graphs.ts';
import type { Owner } from './owner.ts';

export interface DoublingOptions {
  readonly dims: readonly Dimension[];
  readonly type?: ElementType;
  /** Another name makes another file that computes the same. */
  readonly name?: string;
  /** Of the input. */
  readonly input?: string;
}

/** `y = x + x`. Returns the model's path. */
export async function doublingModel(
  t: Owner,
  { dims, type = 'float', name = 'doubling', input = 'x' }: DoublingOptions,
): Promise<string> {
  const path = join(temporaryFolder(t), 'doubling.onnx');
  const nodes = [nodeOf('Add', { inputs: [input, input], outputs: ['y'] })];
  const graph = graphOf({ nodes, inputs: [valueNamed(input, dims, type)], outputs: [] });
  await writeModelFile(path, modelOf({ ...graph, name, outputs: [valueNamed('y', dims, type)] }));
  return path;
}

/** Doubles small numbers, and fails on those from `width` on: they are taken for indices. */
export async function fragileModel(
  t: Owner,
  { dims, name = 'fragile' }: DoublingOptions,
): Promise<string> {
  const path = join(temporaryFolder(t), 'fragile.onnx');
  const axis = ['axis', { kind: 'int', value: 1 }] as const;
  const nodes = [
    nodeOf('Cast', { inputs: ['x'], outputs: ['at'] }, ['to', { kind: 'int', value: 7 }]),
    nodeOf('GatherElements', { inputs: ['x', 'at'], outputs: ['picked'] }, axis),
    nodeOf('Sub', { inputs: ['picked', 'picked'], outputs: ['zero'] }),
    nodeOf('Add', { inputs: ['x', 'x'], outputs: ['twice'] }),
    nodeOf('Add', { inputs: ['twice', 'zero'], outputs: ['y'] }),
  ];
  const graph = graphOf({ nodes, inputs: [valueNamed('x', dims)], outputs: [] });
  await writeModelFile(path, modelOf({ ...graph, name, outputs: [valueNamed('y', dims)] }));
  return path;
}

/** `y = x`, whatever it is. */
export async function identityOf(
  t: Owner,
  { dims, type = 'float' }: DoublingOptions,
): Promise<string> {
  const path = join(temporaryFolder(t), 'identity.onnx');
  const nodes = [nodeOf('Identity', { inputs: ['x'], outputs: ['y'] })];
  const graph = graphOf({ nodes, inputs: [valueNamed('x', dims, type)], outputs: [] });
  await writeModelFile(path, modelOf({ ...graph, outputs: [valueNamed('y', dims, type)] }));
  return path;
}

/** Doubles one number, and takes as long for it as `slowModel`. */
export async function heavyModel(t: Owner, { name = 'heavy' }: { name?: string } = {}) {
  const path = join(temporaryFolder(t), 'heavy.onnx');
  const nodes = [
    nodeOf('Mul', { inputs: ['x', 'w'], outputs: ['t0'] }),
    ...Array.from({ length: 6 }, (_, at) =>
      nodeOf('MatMul', { inputs: [`t${at}`, 'w'], outputs: [`t${at + 1}`] }),
    ),
    nodeOf('ReduceMean', { inputs: ['t6'], outputs: ['zero'] }),
    nodeOf('Add', { inputs: ['x', 'x'], outputs: ['twice'] }),
    nodeOf('Add', { inputs: ['twice', 'zero'], outputs: ['y'] }),
  ];
  const inputs = [valueNamed('x', [1, 1])];
  const initializers = { w: zeros([1024, 1024]) };
  const graph = graphOf({ nodes, inputs, outputs: [], initializers });
  await writeModelFile(path, modelOf({ ...graph, name, outputs: [valueNamed('y', [1, 1])] }));
  return path;
}

/** Multiplies a 1024×1024 matrix with itself 6 times: a quarter of a second on one core. */
export async function slowModel(t: Owner): Promise<string> {
  const path = join(temporaryFolder(t), 'slow.onnx');
  const dims = [1024, 1024];
  const nodes = Array.from({ length: 6 }, (_, at) =>
    nodeOf('MatMul', {
      inputs: [at === 0 ? 'x' : `t${at - 1}`, 'w'],
      outputs: [at === 5 ? 'y' : `t${at}`],
    }),
  );
  const inputs = [valueNamed('x', dims)];
  const graph = graphOf({ nodes, inputs, outputs: [], initializers: { w: zeros(dims) } });
  await writeModelFile(path, modelOf({ ...graph, outputs: [valueNamed('y', dims)] }));
  return path;
}
