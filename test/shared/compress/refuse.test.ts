// Models that once ended the process, or filled its memory, before anything could refuse them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compressFile } from '../../../shared/compress/file.ts';
import type { Graph } from '../../../shared/onnx/graph.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';

const inputs = [valueNamed('x', [1, 1, 8, 8])];

async function refused(t: ExecutionContext, graph: Graph, message: RegExp): Promise<void> {
  const folder = temporaryFolder(t);
  const modelPath = join(folder, 'model.onnx');
  writeFileSync(modelPath, writeModel(modelOf(graph)));
  const request = {
    ...{ modelPath, manifest: null, calibrationPath: null, signal: AbortSignal.timeout(60_000) },
    recipe: { v: 1, bits: 16 },
  } as const;
  await t.throwsAsync(
    compressFile(request, () => join(folder, 'variant.onnx')),
    { code: 'MODEL_UNRUNNABLE', message },
  );
}

test('weights of fewer dimensions than their data', async (t) => {
  const nodes = [nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] })];
  const initializers = { w: floats([8, 1, 1], Array(8).fill(1)) };
  const message = /has weights of 3 dimensions for data of 4/;
  await refused(t, graphOf({ inputs, nodes, initializers, outputs: ['y'] }), message);
});

test('padding of which the result takes gigabytes', async (t) => {
  const pads = ints(65_536, 1, 0, 65_536);
  const nodes = [nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, ['pads', pads])];
  const initializers = { w: floats([8, 1, 1, 1], Array(8).fill(1)) };
  const message = /value "y" \[1, 8, 65544, 65545\] takes 131\d+ MiB, at most 256/;
  await refused(t, graphOf({ inputs, nodes, initializers, outputs: ['y'] }), message);
});

test('groups beyond counting', async (t) => {
  const group = { kind: 'int', value: 2 ** 31 } as const;
  const nodes = [nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, ['group', group])];
  const initializers = { w: floats([8, 1, 1, 1], Array(8).fill(1)) };
  const message = /has 2147483648 groups for weights of 8 channels/;
  await refused(t, graphOf({ inputs, nodes, initializers, outputs: ['y'] }), message);
});
