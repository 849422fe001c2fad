/**
 * Bounds behind a product whose result stays float. The runtime fuses no product in integers where
 * a Relu or Clip follows that no quantizer replaces (qdq_selectors.cc looks for one behind it), and
 * would compute it in float; Max and Min give the same numbers and are not looked past.
 */
import type { Node } from '../../onnx/graph.ts';
import { makeNode } from '../attributes.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatTensor } from '../tensors.ts';
import type { Placement } from './place.ts';

/** Edits the graph in place. */
export function plainBounds(rewriter: Rewriter, { floatOutput }: Placement): void {
  const zeros = new Map<string, string>();
  const zero = () => {
    const known = zeros.get('zero') ?? rewriter.addConstant('zero', floatTensor([], [0]));
    zeros.set('zero', known);
    return known;
  };
  for (const node of floatOutput) {
    const bound = rewriter.onlyConsumer(node.outputs[0] ?? '');
    if (bound?.domain !== '' || (bound.op !== 'Relu' && bound.op !== 'Clip')) continue;
    replace(bound, bound.op === 'Relu' ? { low: zero(), high: '' } : boundsOf(bound), rewriter);
  }
}

interface Bounds {
  /** Values; empty where there is none. */
  readonly low: string;
  readonly high: string;
}

function boundsOf({ inputs: [, low = '', high = ''] }: Node): Bounds {
  return { low, high };
}

function replace(bound: Node, { low, high }: Bounds, rewriter: Rewriter): void {
  const [input = ''] = bound.inputs;
  const [output = ''] = bound.outputs;
  if (low === '' && high === '') return;
  const steps = [
    { op: 'Max', by: low },
    { op: 'Min', by: high },
  ].filter(({ by }) => by !== '');
  let value = input;
  steps.forEach(({ op, by }, at) => {
    const last = at === steps.length - 1;
    const made = last ? output : rewriter.fresh(`${output}.low`);
    const name = rewriter.fresh(`${bound.name}.${op}`);
    const added = makeNode(op, name, { inputs: [value, by], outputs: [made] });
    rewriter.insertBefore(bound, added);
    value = made;
  });
  rewriter.remove(bound);
}
