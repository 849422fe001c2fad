/** Says of each layer how many of its output channels are left. */
import type { Model } from '../../onnx/graph.ts';
import { outputChannels } from '../narrow/layers.ts';
import { weightedNodes } from '../quantize/quantize.ts';
import type { Recipe } from '../recipe.ts';
import type { PruneRecord } from '../record.ts';
import type { LayerReport } from '../report.ts';
import { rewriterOf } from '../rewriter.ts';
import { sparsityNotes } from '../sparse/report.ts';

export function withChannels(
  layers: readonly LayerReport[],
  { before, after }: { before: Model; after: Model },
): LayerReport[] {
  const [had, left] = [channelCounts(before), channelCounts(after)];
  return layers.map((layer) => {
    const [kept, of] = [left.get(layer.name), had.get(layer.name)];
    return kept === undefined || of === undefined || kept === of
      ? layer
      : { ...layer, channels: { kept, of } };
  });
}

/** What was decided, a sentence each. */
export function pruningNotes(record: PruneRecord, recipe: Recipe): string[] {
  return [...decisionNotes(record), ...missingNotes(record, recipe)];
}

function decisionNotes(record: PruneRecord): string[] {
  const { blocks = [], dropped = [], removed, factors = {} } = record;
  const whole =
    blocks.length + dropped.length + Object.keys({ ...removed, ...factors }).length === 0;
  if (record.zeros !== undefined && whole) return sparsityNotes(record);
  return [structureNote(record), ...sparsityNotes(record)];
}

/** Where fewer blocks went than were asked for. */
function missingNotes({ blocks = [], dropped = [] }: PruneRecord, recipe: Recipe): string[] {
  const missing = (what: string, asked: Recipe['blocks'], got: readonly string[]) =>
    typeof asked === 'number' && got.length < asked
      ? [`${asked} residual blocks were to be ${what}; the model has ${got.length} that can be.`]
      : [];
  return [
    ...missing('replaced', recipe.blocks, blocks),
    ...missing('dropped', recipe.dropped, dropped),
  ];
}

function structureNote(record: PruneRecord): string {
  const { blocks = [], dropped = [], removed, weights } = record;
  const factors = Object.entries(record.factors ?? {});
  const channels = Object.values(removed).reduce((sum, places) => sum + places.length, 0);
  const fitted = Object.keys(weights).length;
  if (blocks.length + dropped.length + factors.length > 0) {
    const said = [
      ...(blocks.length > 0 ? [`${named(blocks)} became one convolution each`] : []),
      ...(dropped.length > 0 ? [`${named(dropped)} went`] : []),
      ...(channels > 0 ? [`${channels} channels went`] : []),
      ...factors.map(([name, { rank }]) => `${name} became two layers of rank ${rank}`),
    ];
    return `${said.join(', ')}; ${fitted} layers were fitted again.`;
  }
  if (channels === 0)
    return 'Nothing was taken out: the kernels like no fewer channels than there are.';
  const groups = Object.keys(removed).length;
  return `${channels} channels of ${groups} groups went, and ${fitted} layers were fitted again.`;
}

function named(blocks: readonly string[]): string {
  const what = blocks.length === 1 ? 'residual block' : 'residual blocks';
  return `${blocks.length} ${what} (${blocks.join(', ')})`;
}

function channelCounts(model: Model): Map<string, number> {
  const rewriter = rewriterOf(model.graph);
  return new Map(
    weightedNodes(rewriter).map((node) => [
      node.name,
      outputChannels(node, rewriter.constant(node.inputs[1])?.dims ?? []),
    ]),
  );
}
