/** The gates of a rollout, a line for each hardware class: measured values against thresholds. */
import { describeOutlook } from '../../../shared/protocol/outlook-sentence.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { Glyph } from '../parts/glyph.tsx';
import { Bar } from '../parts/meter.tsx';
import { breaches, type GateCell, type GateKind, type GateLine, gateTable } from './gates.ts';

export function GatesPanel({ rollout }: { readonly rollout: RolloutRecord }) {
  const { kinds, lines } = gateTable(rollout);
  return (
    <section class="panel" aria-label="Gates">
      <h2 class="panel-title">
        Gates{' '}
        <span class="quiet plain-weight">
          measured against what is allowed, by hardware class; at a breach: {actionOf(rollout)}
        </span>
      </h2>
      {breaches(rollout).map((reason) => (
        <p key={reason} class="underway underway-failed gate-breach">
          {reason}
        </p>
      ))}
      {rollout.outlook.map((wave) => (
        <p key={wave.wave} class="quiet small">
          {describeOutlook(wave)}
        </p>
      ))}
      {lines.length === 0 ? (
        <p class="quiet">Nothing to judge by yet: no device of this rollout answers with it.</p>
      ) : (
        <div class="scroll-x">
          <table class="plain-table gates-table">
            <Head kinds={kinds} />
            <tbody>
              {lines.map((line) => (
                <Line key={line.name} line={line} kinds={kinds} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Head({ kinds }: { readonly kinds: readonly GateKind[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">Hardware class</th>
        {kinds.map(({ title, help }) => (
          <th key={title} scope="col" title={help}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface LineProps {
  readonly line: GateLine;
  readonly kinds: readonly GateKind[];
}

function Line({ line, kinds }: LineProps) {
  return (
    <tr>
      <th scope="row">{line.name === '' ? 'whole fleet' : line.name}</th>
      {line.cells.map((cell, index) => (
        <td key={kinds[index]?.title}>{cell && <Cell cell={cell} />}</td>
      ))}
    </tr>
  );
}

function Cell({ cell }: { readonly cell: GateCell }) {
  const { state, value, threshold, used, reason } = cell;
  return (
    <span class={`gate gate-${state.replace(' ', '-')}`} title={reason}>
      <span class="gate-value number">
        {state === 'breached' && <Glyph sign="failed" />}
        <b>{state === 'no data' ? 'no data' : value}</b>
        <span class="quiet small">{state === 'accepted' ? 'accepted' : threshold}</span>
      </span>
      <Bar share={used} />
    </span>
  );
}

function actionOf({ onBreach, breachScope }: RolloutRecord): string {
  const words = { pause: 'pause', abort: 'abort', rollback: 'roll back' } as const;
  return `${words[onBreach]} ${breachScope === 'class' ? 'that class' : 'everything'}`;
}
