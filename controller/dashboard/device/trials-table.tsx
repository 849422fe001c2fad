/** Every trial with its figures: what the picture shows, and what failed or was skipped. */
import type { Trial, Tuning } from '../../../shared/protocol/tuning.ts';
import { lossLabel, planLabel, qualityLabel } from '../format/model.ts';
import { absent, formatBytes, formatMiB, formatMs, formatRate } from '../format/numbers.ts';
import { Badge } from '../parts/glyph.tsx';
import { chosenIndex } from './trials-points.ts';

interface TrialsTableProps {
  readonly tuning: Tuning;
  readonly active: number | null;
  readonly onActive: (trial: number | null) => void;
}

export function TrialsTable({ tuning, active, onActive }: TrialsTableProps) {
  const chosen = chosenIndex(tuning);
  const order = tuning.trials
    .map((trial, index) => ({ trial, index }))
    .sort(
      (a, b) =>
        rank(a.trial.state) - rank(b.trial.state) || a.trial.latencyMsP50 - b.trial.latencyMsP50,
    );
  return (
    <div class="scroll-x">
      <table class="plain-table">
        <Head />
        <tbody>
          {order.map(({ trial, index }) => (
            <tr
              key={index}
              class={rowClass(index === chosen, index === active)}
              onPointerEnter={() => onActive(index)}
              onPointerLeave={() => onActive(null)}
            >
              <th scope="row">{trial.recipeName}</th>
              <td>{planLabel(trial.plan)}</td>
              <Figures trial={trial} />
              <td>
                <Result part={partOf(tuning, index, chosen)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head() {
  const quantities = ['p50', 'p95', 'Throughput', 'Quality', 'Lost', 'Size', 'Memory'];
  return (
    <thead>
      <tr>
        <th scope="col">Variant</th>
        <th scope="col">Plan</th>
        {quantities.map((title) => (
          <th key={title} scope="col" class="number">
            {title}
          </th>
        ))}
        <th scope="col">Result</th>
      </tr>
    </thead>
  );
}

function Figures({ trial }: { readonly trial: Trial }) {
  if (trial.state !== 'done') {
    return (
      <td colSpan={7} class="quiet">
        {trial.error?.message ?? ''}
      </td>
    );
  }
  return (
    <>
      <td class="number">{formatMs(trial.latencyMsP50)}</td>
      <td class="number">{formatMs(trial.latencyMsP95)}</td>
      <td class="number">{formatRate(trial.throughputPerSecond)}</td>
      <td class="number">{qualityLabel(trial.quality)}</td>
      <td class="number">{trial.quality ? lossLabel(trial.quality) : absent}</td>
      <td class="number">{formatBytes(trial.bytes)}</td>
      <td class="number">{formatMiB(trial.memoryMiB)}</td>
    </>
  );
}

type Outcome = 'chosen' | 'front' | 'behind' | 'failed' | 'skipped';

function Result({ part }: { readonly part: Outcome }) {
  if (part === 'chosen') return <b class="accent">chosen</b>;
  if (part === 'failed') return <Badge sign="failed" />;
  return (
    <span class="quiet">{part === 'front' ? 'on the front' : part === 'skipped' ? part : ''}</span>
  );
}

function partOf(tuning: Tuning, index: number, chosen: number | null): Outcome {
  const state = tuning.trials[index]?.state;
  if (state === 'failed' || state === 'skipped') return state;
  if (index === chosen) return 'chosen';
  return tuning.front.includes(index) ? 'front' : 'behind';
}

function rank(state: string): number {
  return ['done', 'failed', 'skipped'].indexOf(state);
}

function rowClass(chosen: boolean, active: boolean): string {
  return [chosen ? 'row-chosen' : '', active ? 'row-active' : ''].filter(Boolean).join(' ');
}
