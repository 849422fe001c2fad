/**
 * Layer by layer: the bits and channels it got, and its time in the source and in what was chosen.
 */
import { useState } from 'preact/hooks';
import type { Tuning } from '../../../shared/protocol/tuning.ts';
import { absent, counted } from '../format/numbers.ts';
import { Bar } from '../parts/meter.tsx';
import {
  channelsOf,
  microseconds,
  ratioOf,
  slowestFirst,
  summaryOf,
  timeOf,
} from './layer-times.ts';

/** The slowest tell the story; the others are a click away. */
const firstLines = 8;

export function LayersPanel({ tuning }: { readonly tuning: Tuning | null }) {
  const [all, setAll] = useState(false);
  const layers = tuning?.layers ?? [];
  if (layers.length === 0) return null;
  const sorted = slowestFirst(layers);
  const longestUs = Math.max(...layers.map(timeOf), 1e-9);
  const pruned = layers.some(({ channels }) => channels !== undefined);
  const shown = all ? sorted : sorted.slice(0, firstLines);
  return (
    <section class="panel" aria-label="Layers">
      <h2 class="panel-title">
        Layers <span class="quiet plain-weight">{summaryOf(layers)}</span>
      </h2>
      <div class="scroll-x">
        <table class="plain-table layers-table">
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Bits</th>
              {pruned && <th scope="col">Channels</th>}
              <th scope="col" class="number">
                Source
              </th>
              <th scope="col" class="number">
                Chosen
              </th>
              <th scope="col" class="number">
                Faster
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((layer) => (
              <tr key={layer.name}>
                <th scope="row">
                  <code>{layer.name}</code>
                </th>
                <td>{`${layer.bits}\u202fbit`}</td>
                {pruned && <td>{channelsOf(layer)}</td>}
                <Time us={layer.beforeUs} longestUs={longestUs} />
                <Time us={layer.afterUs} longestUs={longestUs} />
                <td class="number">{ratioOf(layer)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {sorted.length > shown.length && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {counted(sorted.length, 'layer')}
        </button>
      )}
    </section>
  );
}

interface TimeProps {
  readonly us: number | null;
  readonly longestUs: number;
}

function Time({ us, longestUs }: TimeProps) {
  return (
    <td class="number">
      <span class="with-bar">
        {us === null ? absent : microseconds(us)}
        <Bar share={us === null ? null : us / longestUs} />
      </span>
    </td>
  );
}
