/** A tuning in text: its trials as a table and as a picture, the layers of its choice, and why. */
import { planName } from '../agent/tune/explain.ts';
import { drawTrials, markOf } from '../agent/tune/picture.ts';
import { sayDrop } from '../shared/evaluate/quality-budget.ts';
import type { Trial, Tuning } from '../shared/protocol/tuning.ts';
import { formatTable } from '../shared/terminal/table.ts';

export function describeTuning(tuning: Tuning, sourceBytes: number): string[] {
  const { trials, front, chosen } = tuning;
  const isChosen = ({ variant, plan }: Trial) =>
    variant === chosen?.variant && planName(plan) === planName(chosen.plan);
  const marks = trials.map((trial, index) =>
    markOf(index, { front: front.includes(index), chosen: isChosen(trial) }),
  );
  return [
    ...tableOf(trials, marks, sourceBytes),
    '',
    ...drawTrials(trials, marks),
    '',
    ...layerTable(tuning.layers ?? []),
    ...(tuning.notes ?? []),
    tuning.reason ?? '',
    ...(chosen?.proof ? [chosen.proof] : []),
  ];
}

function tableOf(
  trials: readonly Trial[],
  marks: readonly string[],
  sourceBytes: number,
): string[] {
  const metered = trials.some(({ energyJ }) => typeof energyJ === 'number');
  const header = [
    ...['', 'variant', 'plan', 'p50 ms', 'p95 ms', 'a second', 'MiB', 'bytes', 'lost'],
    ...(metered ? ['mJ a run'] : []),
  ];
  const measured: string[][] = [];
  const failed: string[] = [];
  for (const [index, trial] of trials.entries()) {
    const { recipeName, plan, error } = trial;
    if (trial.state !== 'done') {
      failed.push(`${recipeName}, ${planName(plan)}: ${error?.message ?? trial.state}`);
      continue;
    }
    const times = [trial.latencyMsP50.toFixed(2), trial.latencyMsP95.toFixed(2)];
    const rate = trial.throughputPerSecond.toFixed(0);
    const share = `${((100 * trial.bytes) / Math.max(1, sourceBytes)).toFixed(0)} %`;
    const lost = trial.quality === null ? 'unknown' : sayDrop(trial.quality, trial.quality.drop);
    const named = [marks[index] ?? '', recipeName, planName(plan)];
    const energy = metered ? [millijoules(trial)] : [];
    measured.push([...named, ...times, rate, trial.memoryMiB.toFixed(0), share, lost, ...energy]);
  }
  return [...formatTable([header, ...measured], { right: [3, 4, 5, 6, 7, 9] }), ...failed];
}

function millijoules({ energyJ }: Trial): string {
  return typeof energyJ === 'number' ? `${Number((1000 * energyJ).toPrecision(3))}` : '–';
}

type Layers = NonNullable<Tuning['layers']>;
/** The slowest are shown, in the order of the model; the rest is one line. */
const layersShown = 20;

function layerTable(layers: Layers): string[] {
  if (layers.length === 0) return [];
  const cost = ({ beforeUs, afterUs }: Layers[number]) => Math.max(beforeUs ?? 0, afterUs ?? 0);
  const slowest = new Set(layers.toSorted((a, b) => cost(b) - cost(a)).slice(0, layersShown));
  const shown = layers.filter((layer) => slowest.has(layer));
  const pruned = layers.some(({ channels }) => channels !== undefined);
  const rows = shown.map(({ name, bits, channels, beforeUs, afterUs }) => [
    ...[name, bits === 32 ? 'float' : `${bits}`],
    ...(pruned ? [channels ? `${channels.kept} of ${channels.of}` : 'all'] : []),
    ...[said(beforeUs), said(afterUs)],
  ]);
  const titles = ['layer', 'bits', ...(pruned ? ['channels'] : []), 'source µs', 'chosen µs'];
  const rest = layers.length - shown.length;
  return [
    ...formatTable([titles, ...rows], { right: [1, 2, 3, ...(pruned ? [4] : [])] }),
    ...(rest > 0 ? [`and ${rest} quicker layers`] : []),
    '',
  ];
}

function said(microseconds: number | null): string {
  return microseconds === null ? '–' : microseconds.toFixed(0);
}
