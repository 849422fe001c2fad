/**
 * What the runtime must not be asked to run, because it would end the process or fill its memory
 * before it could say no.
 */
import { FettleError } from '../errors.ts';
import { intOf } from '../onnx/attributes.ts';
import { elementTypes, type Model, type ValueInfo } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { nodeLabel } from '../onnx/walk.ts';

/** The largest value of one sample: a node holds its inputs, its outputs and as much again. */
const valueMiBMax = 256;

/** Throws `MODEL_UNRUNNABLE`. */
export function refuseUnrunnable(model: Model, path: string): void {
  const infos = inferShapes(model);
  const reason = whyWrongWeights(model, infos) ?? whyTooLarge(model, infos);
  if (reason !== null) throw new FettleError('MODEL_UNRUNNABLE', { path, reason });
}

/**
 * The runtime's own shape inference reads past the end where weights have fewer dimensions; groups
 * beyond counting fill the memory of whoever prepares for each.
 */
function whyWrongWeights({ graph }: Model, infos: ReadonlyMap<string, ValueInfo>): string | null {
  for (const node of graph.nodes) {
    if (node.domain !== '' || (node.op !== 'Conv' && node.op !== 'ConvTranspose')) continue;
    const [data, weight] = [0, 1].map((at) => infos.get(node.inputs[at] ?? '')?.dims);
    if (data && weight && data.length !== weight.length) {
      const got = `${weight.length} dimensions for data of ${data.length}`;
      return `${nodeLabel(node)} has weights of ${got}`;
    }
    const [groups, rows] = [intOf(node, 'group', 1), weight?.[0]];
    if (typeof rows !== 'number' || rows % groups === 0) continue;
    return `${nodeLabel(node)} has ${groups} groups for weights of ${rows} channels`;
  }
  return null;
}

/** Of what nodes make; sizes that vary count as 1. */
function whyTooLarge({ graph }: Model, infos: ReadonlyMap<string, ValueInfo>): string | null {
  for (const name of graph.nodes.flatMap(({ outputs }) => outputs)) {
    const { type = null, dims = null } = infos.get(name) ?? {};
    const sizes = (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 1));
    const elements = sizes.reduce((product, size) => product * size, 1);
    const mib = (elements * elementTypes[type ?? 'float'].bits) / 8 / 2 ** 20;
    if (mib <= valueMiBMax) continue;
    const shape = `[${sizes.join(', ')}]`;
    return `value "${name}" ${shape} takes ${Math.round(mib)} MiB, at most ${valueMiBMax}`;
  }
  return null;
}
