/**
 * One rollout: how far it is, what it waits for, its gates, its members, and what can be done to
 * it.
 */
import { agentModel } from '../../../shared/protocol/agent-model.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { modelVersion } from '../format/model.ts';
import { counted, formatCount } from '../format/numbers.ts';
import { formatAgo, formatSpan } from '../format/time.ts';
import { ComparisonList } from '../parts/comparison-list.tsx';
import { Badge } from '../parts/glyph.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { modelHref } from '../state/route.ts';
import { useNow, useTopics, useWorld } from '../state/world.ts';
import { Actions } from './actions.tsx';
import { GatesPanel } from './gates-panel.tsx';
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
        {rollout.model === agentModel ? null : (
          <a href={modelHref(rollout.model, rollout.version)}>The model</a>
        )}
      </header>
      <section class="panel" aria-label="Progress">
        <p class="rollout-reason" aria-live="polite">
          {rollout.reason} <span class="quiet">{waitText(rollout, now)}</span>
        </p>
        {rollout.forced && <p class="quiet">It was started with --force.</p>}
        <ComparisonList comparisons={rollout.comparisons} />
        <Actions rollout={rollout} />
        <WaveList progress={progress} />
        <Figures rollout={rollout} progress={progress} />
      </section>
      <GatesPanel rollout={rollout} />
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

interface FiguresProps {
  readonly rollout: RolloutRecord;
  readonly progress: RolloutProgress;
}

function Figures({ rollout, progress }: FiguresProps) {
  const { failed, soaking, updating } = progress.members;
  const limit = Math.max(1, rollout.maxFailures);
  return (
    <dl class="figures">
      <div>
        <dt>Failed</dt>
        <dd class={failed >= limit ? 'sign-text-failed' : ''}>
          {failed} <span class="quiet">acts at {limit}</span>
        </dd>
      </div>
      <div>
        <dt>Updating</dt>
        <dd>
          {updating}{' '}
          <span class="quiet">failed after {formatSpan(rollout.timeoutSeconds)} of silence</span>
        </dd>
      </div>
      <div>
        <dt>Soaking</dt>
        <dd>
          {soaking} <span class="quiet">{formatSpan(rollout.soakSeconds)} each</span>
        </dd>
      </div>
    </dl>
  );
}

/** `for 3 min`; nothing where it waits for nothing. */
function waitText({ waitsFor, since }: RolloutRecord, now: number): string {
  if (waitsFor === null || since === null) return '';
  const ago = formatAgo(since, now);
  return ago === 'now' ? 'since just now' : `for ${ago}`;
}
