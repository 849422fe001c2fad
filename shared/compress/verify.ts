/**
 * Checks that what was built for integers really computes in integers: the runtime writes the
 * graph it would run, and each layer is looked up in it. Fusions depend on rules that change from
 * version to version, so they are read back rather than believed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession } from '../evaluate/runtime.ts';
import type { Model } from '../onnx/graph.ts';
import { readModelFile } from '../onnx/read.ts';
import type { LayerReport } from './report.ts';

/** Operators that the runtime's fusions give, which compute in integers. */
const integerKernels: ReadonlySet<string> = new Set([
  'QLinearConv',
  'QGemm',
  'QLinearMatMul',
  'MatMulIntegerToFloat',
  'MatMulNBits',
]);

export interface Verified {
  /** With `compute` as it is, and the reason where it is not what was built. */
  readonly layers: readonly LayerReport[];
  /** DequantizeLinear that run at each inference, past those at the ends of integer parts. */
  readonly leftOver: number;
}

/** Throws `MODEL_UNRUNNABLE` where the runtime refuses the variant. */
export async function verifyFusion(
  path: string,
  layers: readonly LayerReport[],
): Promise<Verified> {
  const optimized = await optimizedModel(path);
  const ops = new Map(optimized.graph.nodes.map((node) => [node.name, node.op]));
  const constant = optimized.graph.nodes.filter(
    (node) =>
      node.op === 'DequantizeLinear' && optimized.graph.initializers.has(node.inputs[0] ?? ''),
  );
  return { layers: layers.map((layer) => verified(layer, ops)), leftOver: constant.length };
}

function verified(layer: LayerReport, ops: ReadonlyMap<string, string>): LayerReport {
  if (layer.compute === 'float') return layer;
  const op = ops.get(layer.name);
  if (op !== undefined && integerKernels.has(op)) {
    return { ...layer, reason: `${layer.reason}; runs as ${op}` };
  }
  const reason =
    op === undefined
      ? 'the runtime merged it into something else'
      : `the runtime left it a ${op} between DequantizeLinear and QuantizeLinear`;
  return { ...layer, compute: 'float', reason };
}

async function optimizedModel(path: string): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-verify-'));
  try {
    const optimizedModelPath = join(folder, 'optimized.onnx');
    const session = await openSession(path, {
      threads: 1,
      optimization: 'extended',
      optimizedModelPath,
    });
    await session.release();
    return await readModelFile(optimizedModelPath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
