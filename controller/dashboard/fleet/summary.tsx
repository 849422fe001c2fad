/**
 * The fleet at a glance: how many devices are in which state, what they do together, and by
 * hardware class.
 */
import { useEffect, useState } from 'preact/hooks';
import {
  absent,
  counted,
  formatCount,
  formatMs,
  formatPercent,
  formatRate,
} from '../format/numbers.ts';
import { Glyph } from '../parts/glyph.tsx';
import { Spark } from '../parts/spark.tsx';
import { useTitle } from '../parts/use-title.ts';
import { healths, type Tally } from '../state/health.ts';
import { useWorld } from '../state/world.ts';
import { hasTerm, toggleTerm } from './filter.ts';
import type { ClassLine, Totals } from './overview.ts';

interface SummaryProps {
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
}

const classesMax = 4;
/** Seconds of the fleet's throughput that are shown. */
const pulsePointsMax = 120;

export function Summary({ filter, onFilter }: SummaryProps) {
  const { store } = useWorld();
  const pulse = usePulse();
  const totals = store.overview.totals();
  const counts = totals.health;
  // A tab in the background still tells that something needs a person.
  useTitle(counts.failed > 0 ? `(${counts.failed} failed) Fleet` : 'Fleet');
  if (totals.devices === 0) return null;
  return (
    <section class="summary" aria-label="The fleet at a glance">
      <div class="panel panel-health">
        <HealthBar counts={counts} total={totals.devices} />
        <div class="healths">
          {[...healths].reverse().map((health) => (
            <button
              key={health}
              type="button"
              class={`health sign-${health}`}
              aria-pressed={hasTerm(filter, 'state', health)}
              disabled={counts[health] === 0 && !hasTerm(filter, 'state', health)}
              onClick={() => onFilter(toggleTerm(filter, 'state', health))}
            >
              <b class="number">{formatCount(counts[health])}</b>
              <span>
                <Glyph sign={health} />
                {health}
              </span>
            </button>
          ))}
        </div>
        <TotalsLine totals={totals} pulse={pulse} />
      </div>
      <Classes filter={filter} onFilter={onFilter} />
    </section>
  );
}

function Classes({ filter, onFilter }: SummaryProps) {
  const { store } = useWorld();
  const lines = store.overview.lines();
  return (
    <div class="panel">
      <table class="classes">
        <colgroup>
          <col />
          <col />
          <col />
          <col />
          <col />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">Hardware class</th>
            <th scope="col">Health</th>
            <th scope="col" class="number">
              Devices
            </th>
            <th scope="col" title="what most of the class serve">
              Serves
            </th>
            <th scope="col" class="number" title="p95 of the device in the middle">
              p95
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.slice(0, classesMax).map((line) => (
            <ClassRow
              key={line.name}
              line={line}
              pressed={hasTerm(filter, 'class', line.name)}
              onToggle={() => onFilter(toggleTerm(filter, 'class', line.name))}
            />
          ))}
        </tbody>
      </table>
      {lines.length > classesMax && (
        <p class="quiet small classes-more">
          and {counted(lines.length - classesMax, 'smaller class', 'smaller classes')}; filter with
          class=…
        </p>
      )}
    </div>
  );
}

/**
 * The fleet's throughput, once a second from when the view was opened; with it, the numbers are
 * drawn anew: faster than that nobody reads them.
 */
function usePulse(): readonly number[] {
  const { ticker, store } = useWorld();
  const [pulse, setPulse] = useState<readonly number[]>([]);
  useEffect(
    () =>
      ticker.subscribe(() => {
        const { requestsPerSecond } = store.overview.totals();
        setPulse((held) => [...held.slice(1 - pulsePointsMax), requestsPerSecond]);
      }),
    [ticker, store],
  );
  return pulse;
}

function HealthBar({ counts, total }: { readonly counts: Tally; readonly total: number }) {
  const label = healths
    .filter((health) => counts[health] > 0)
    .map((health) => `${counts[health]} ${health}`)
    .join(', ');
  return (
    <div class="health-bar" role="img" aria-label={label || 'no devices'}>
      {[...healths].reverse().map((health) => (
        <span
          key={health}
          class={`health-part sign-${health}`}
          style={{ flexGrow: counts[health] / Math.max(1, total) }}
          hidden={counts[health] === 0}
        />
      ))}
    </div>
  );
}

interface TotalsProps {
  readonly totals: Totals;
  readonly pulse: readonly number[];
}

function TotalsLine({ totals, pulse }: TotalsProps) {
  return (
    <dl class="totals">
      <div>
        <dt>Requests</dt>
        <dd class="number">{formatRate(totals.requestsPerSecond)}</dd>
      </div>
      <div>
        <dt>Median p95</dt>
        <dd class="number">
          {totals.medianMsP95 === null ? absent : formatMs(totals.medianMsP95)}
        </dd>
      </div>
      <div>
        <dt>Errors, last minute</dt>
        <dd class={totals.errors > 0 ? 'number sign-failed' : 'number'}>
          {formatCount(totals.errors)}
        </dd>
      </div>
      <Spark values={pulse} width={240} height={40} points={pulse.length} stretch />
    </dl>
  );
}

interface ClassRowProps {
  readonly line: ClassLine;
  readonly pressed: boolean;
  readonly onToggle: () => void;
}

function ClassRow({ line, pressed, onToggle }: ClassRowProps) {
  const name = line.name === '' ? 'not profiled yet' : line.name;
  return (
    <tr>
      <td class="class-name">
        <button type="button" class="plain" aria-pressed={pressed} onClick={onToggle} title={name}>
          {name}
        </button>
      </td>
      <td class="class-health">
        <HealthBar counts={line.health} total={line.devices} />
      </td>
      <td class="number">{formatCount(line.devices)}</td>
      <td class="class-variant">
        {line.variant ?? absent}
        {line.variant !== null && line.variantShare < 0.995 && (
          <span class="quiet"> {formatPercent(line.variantShare, 0)}</span>
        )}
      </td>
      <td class="number">{line.medianMsP95 === null ? absent : formatMs(line.medianMsP95)}</td>
    </tr>
  );
}
