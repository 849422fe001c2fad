/** The rollouts that are under way, one line each, above the fleet. */
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { modelVersion } from '../format/model.ts';
import { formatCount } from '../format/numbers.ts';
import { Badge } from '../parts/glyph.tsx';
import { rolloutHref } from '../state/route.ts';
import { useTopics, useWorld } from '../state/world.ts';
import { byInterest, progressOf } from './progress.ts';
import { Waves } from './waves.tsx';

const linesMax = 3;

export function RolloutStrip() {
  const { store } = useWorld();
  useTopics('rollouts');
  const sorted = [...store.rollouts.values()].sort(byInterest);
  const active = sorted.filter((rollout) => rollout.endedAt === null);
  const shown = active.length > 0 ? active.slice(0, linesMax) : sorted.slice(0, 1);
  if (shown.length === 0) return null;
  return (
    <section class="strip" aria-label="Rollouts">
      {shown.map((rollout) => (
        <StripLine key={rollout.id} rollout={rollout} />
      ))}
      {active.length > linesMax && (
        <a class="strip-more" href="#/rollouts">
          {active.length - linesMax} more under way
        </a>
      )}
    </section>
  );
}

function StripLine({ rollout }: { readonly rollout: RolloutRecord }) {
  const progress = progressOf(rollout);
  const wave = progress.waves.findLast((entry) => entry.stage !== 'ahead');
  return (
    <a class={`strip-line strip-${rollout.state.replace(' ', '-')}`} href={rolloutHref(rollout.id)}>
      <Badge sign={rollout.state} />
      <span class="strip-what">
        <b>{modelVersion(rollout.model, rollout.version)}</b>
        <span class="quiet"> to {rollout.selector === '' ? 'every device' : rollout.selector}</span>
      </span>
      <Waves progress={progress} />
      <span class="strip-count number">
        {formatCount(progress.done)} of {formatCount(progress.size)}
        <span class="quiet">
          {' '}
          · wave {wave?.number ?? 1} of {progress.waves.length}
        </span>
      </span>
      <span class="strip-reason" title={rollout.reason}>
        {rollout.reason}
      </span>
    </a>
  );
}
