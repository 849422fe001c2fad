/**
 * One rollout: how far it is, what it waits for, its gates, its members, and what can be done to
 * it.
 */
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { modelVersion } from '../format/model.ts';
import { counted, formatCount } from '../format/numbers.ts';
import { formatAgo } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { Bar } from '../parts/meter.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { modelHref } from '../state/route.ts';
import { useNow, useTopics, useWorld } from '../state/world.ts';
import { Actions } from './actions.tsx';
import { gatesOf } from './gates.ts';
import { Members } from './members.tsx';
import { progressOf, type RolloutProgress } from './progress.ts';
import { Waves } from './waves.tsx';

export function RolloutView({ id }: { readonly id: string }) {
  const { store } = useWorld();
  useTopics('rollouts', 'status');
  useTitle(`Rollout ${id}`);
  const now = useNow();
  if (!store.loaded()) return <Skeleton rows={4} />;
  const rollout = store.rollouts.get(id);
  if (rollout === undefined) {
    return (
      <Notice title="There is no such rollout" tone="trouble">
        <p>
          <a href="#/rollouts">All rollouts</a>
        </p>
      </Notice>
    );
  }
  const progress = progressOf(rollout);
  return (
    <div class="device">
      <header class="title">
        <a class="back" href="#/rollouts">
          Rollouts
        </a>
        <h1>{modelVersion(rollout.model, rollout.version)}</h1>
        <Badge sign={rollout.state} />
        <span class="quiet">
          to {rollout.selector === '' ? 'every device' : rollout.selector}, started{' '}
          {formatAgo(rollout.createdAt, now)} ago
        </span>
        <a href={modelHref(rollout.model, rollout.version)}>The model</a>
      </header>
      <section class="panel" aria-label="Progress">
        <p class="rollout-reason" aria-live="polite">
          {rollout.reason}
        </p>
        <Actions rollout={rollout} />
        <WaveList progress={progress} />
      </section>
      <Gates rollout={rollout} progress={progress} />
      <section class="panel" aria-label="Devices">
        <h2 class="panel-title">Devices</h2>
        <Members members={rollout.members} />
      </section>
    </div>
  );
}

function WaveList({ progress }: { readonly progress: RolloutProgress }) {
  return (
    <>
      <Waves progress={progress} />
      <ol class="wave-list">
        {progress.waves.map((wave) => (
          <li key={wave.number} class={`wave-item wave-item-${wave.stage}`}>
            <b>Wave {wave.number}</b>
            <span class="number">
              {formatCount(wave.members.succeeded)} of {counted(wave.size, 'device')}
            </span>
            <span class="quiet">
              {wave.stage === 'done' ? 'through' : wave.stage === 'ahead' ? 'ahead' : 'under way'}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

interface GatesProps {
  readonly rollout: RolloutRecord;
  readonly progress: RolloutProgress;
}

function Gates({ rollout, progress }: GatesProps) {
  return (
    <section class="gates" aria-label="Gates">
      {gatesOf(rollout, progress).map((gate) => (
        <div key={gate.name} class={gate.holds ? 'panel gate' : 'panel gate gate-broken'}>
          <span class="quiet">{gate.name}</span>
          <b class="number">{gate.value}</b>
          <span class="quiet small">{gate.threshold}</span>
          {gate.used !== null && <Bar share={gate.used} />}
        </div>
      ))}
    </section>
  );
}
