/** `fettle inspect`: what a model is made of, and what can be done with it. */
import {
  type BlockVerdict,
  type GroupVerdict,
  inspectBlocks,
  inspectGroups,
} from '../shared/compress/prune/inspect.ts';
import { modelFileOf } from '../shared/evaluate/package.ts';
import type { Dimension } from '../shared/onnx/graph.ts';
import { type Inspection, inspectModel, type Port } from '../shared/onnx/inspect.ts';
import { readModelFile } from '../shared/onnx/read.ts';
import { fit, formatTable } from '../shared/terminal/table.ts';
import { formatBytes } from '../shared/terminal/units.ts';
import type { Command } from './command.ts';

export const command: Command = {
  args: ['MODEL.onnx'],
  options: [],
  async run({ args, io }) {
    const path = await modelFileOf(args['MODEL.onnx'] ?? '');
    const model = await readModelFile(path);
    const inspection = inspectModel(model);
    const prunable = inspectGroups(model);
    const blocks = inspectBlocks(model);
    io.result({ ...inspection, prunable, blocks });
    for (const line of linesOf(path, inspection)) io.line(line);
    for (const line of ['', ...groupLines(prunable), ...blockLines(blocks)]) io.line(line);
  },
};

function linesOf(path: string, inspection: Inspection): string[] {
  const { opsets, irVersion, producer, parameters, bytes, operators } = inspection;
  const sets = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`);
  const facts: [string, string][] = [
    ['written by', producer || 'unknown'],
    ['opset', `${sets.join(', ')}; IR ${irVersion}`],
    ...inspection.inputs.map((port): [string, string] => ['input', portText(port)]),
    ...inspection.outputs.map((port): [string, string] => ['output', portText(port)]),
    ['parameters', `${parameters.toLocaleString('en')}, ${formatBytes(bytes)} of constants`],
    ['multiply-adds', multiplyAddsText(inspection)],
    [
      'operators',
      Object.entries(operators)
        .map(([op, n]) => `${op} ${n}`)
        .join(', '),
    ],
  ];
  return [
    path,
    ...formatTable(facts).map((line) => `  ${line}`),
    '',
    ...verdictLines('can run in 8 bits', inspection.quantizable.map(quantizableOf)),
  ];
}

function portText({ name, type, dims }: Port): string {
  const shape = dims ? `[${dims.map(sizeText).join(', ')}]` : 'of unknown rank';
  return `${name}  ${type ?? 'no tensor'} ${shape}`;
}

function sizeText(size: Dimension): string {
  return size === null ? '?' : String(size);
}

function multiplyAddsText({ macs, inputs }: Inspection): string {
  if (macs === null) return 'not known: they depend on the data';
  const varies = inputs.some(({ dims }) => dims?.some((size) => typeof size !== 'number'));
  const millions = (macs / 1e6).toLocaleString('en', { maximumSignificantDigits: 4 });
  return `${millions} million a run${varies ? ', sizes that vary taken as 1' : ''}`;
}

interface NodeVerdict {
  readonly node: string;
  readonly op: string;
  readonly can: boolean;
  readonly reason: string;
}

function quantizableOf(row: Inspection['quantizable'][number]): NodeVerdict {
  return { ...row, can: row.quantizable };
}

/** Layers whose channels can only go together make one group. */
function groupLines(groups: readonly GroupVerdict[]): string[] {
  if (groups.length === 0) return ['no layer has channels of its own'];
  const able = groups.filter(({ prunable }) => prunable > 0);
  const rows = groups.map(({ group, layers, units, prunable, reason }) => [
    `  ${prunable} of ${units}`,
    fit(group, 32),
    [layers.length > 1 ? `with ${layers.length - 1} more layers` : '', reason ?? '']
      .filter(Boolean)
      .join('; '),
  ]);
  return [
    `${able.length} of ${groups.length} groups of channels can be pruned`,
    ...formatTable(rows),
  ];
}

function blockLines(blocks: readonly BlockVerdict[]): string[] {
  if (blocks.length === 0) return [];
  const count = blocks.filter(({ droppable }) => droppable).length;
  const rows = blocks.map(({ block, droppable }) => [
    `  ${droppable ? 'replace or drop' : 'replace'}`,
    block,
  ]);
  return [
    '',
    `${blocks.length} residual blocks can be replaced, ${count} of them dropped`,
    ...formatTable(rows),
  ];
}

/** The count of those that can; then the others, gathered by reason. */
function verdictLines(what: string, verdicts: readonly NodeVerdict[]): string[] {
  const able = verdicts.filter(({ can }) => can).length;
  // Names within a reason would give each node a line of its own; the JSON has them.
  const reasons = Map.groupBy(
    verdicts.filter(({ can }) => !can),
    ({ reason }) => reason.replace(/ (making )?"[^"]*"/g, ''),
  );
  const rows = [...reasons].map(([reason, nodes]) => [
    `  ${nodes.length}`,
    namesText(nodes),
    reason,
  ]);
  if (verdicts.length === 0) return [`no node ${what}`];
  const rest = rows.length > 0 ? '; not:' : '';
  return [`${able} of ${verdicts.length} nodes ${what}${rest}`, ...formatTable(rows)];
}

function namesText(nodes: readonly NodeVerdict[]): string {
  const shown = nodes.slice(0, 2).map(({ node, op }) => fit(`${op} ${node}`, 32));
  return nodes.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}
