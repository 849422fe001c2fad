/** Every rollout, those under way first. */
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { modelVersion } from '../format/model.ts';
import { formatCount } from '../format/numbers.ts';
import { formatAgo, formatInstant } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { rolloutHref } from '../state/route.ts';
import { useNow, useTopics, useWorld } from '../state/world.ts';
import { byInterest, progressOf } from './progress.ts';
import { Waves } from './waves.tsx';

export function RolloutsView() {
  const { store } = useWorld();
  useTopics('rollouts', 'status');
  useTitle('Rollouts');
  if (!store.loaded()) return <Skeleton rows={4} />;
  const rollouts = [...store.rollouts.values()].sort(byInterest);
  if (rollouts.length === 0) {
    return (
      <Notice title="Nothing has been rolled out yet">
        <p>A rollout brings a model to the devices that a selector names, in waves:</p>
        <pre class="command">fettle rollout start digits --selector zone=hall</pre>
      </Notice>
    );
  }
  return (
    <>
      <h1 class="view-title">Rollouts</h1>
      <div class="panel scroll-x">
        <table class="plain-table table-wide">
          <thead>
            <tr>
              <th scope="col">Rollout</th>
              <th scope="col">State</th>
              <th scope="col">To</th>
              <th scope="col">Waves</th>
              <th scope="col" class="number">
                Devices
              </th>
              <th scope="col">Waits for</th>
              <th scope="col" class="number">
                Started
              </th>
            </tr>
          </thead>
          <tbody>
            {rollouts.map((rollout) => (
              <RolloutRow key={rollout.id} rollout={rollout} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function RolloutRow({ rollout }: { readonly rollout: RolloutRecord }) {
  const now = useNow();
  const progress = progressOf(rollout);
  return (
    <tr>
      <th scope="row">
        <a href={rolloutHref(rollout.id)}>{modelVersion(rollout.model, rollout.version)}</a>
      </th>
      <td data-label="State">
        <Badge sign={rollout.state} />
      </td>
      <td data-label="To">{rollout.selector === '' ? 'every device' : rollout.selector}</td>
      <td class="waves-cell" data-label="Waves">
        <Waves progress={progress} />
      </td>
      <td class="number" data-label="Devices">
        {formatCount(progress.done)} of {formatCount(progress.size)}
      </td>
      <td class="wrap" data-label="Waits for">
        {rollout.reason}
      </td>
      <td class="number" data-label="Started" title={formatInstant(rollout.createdAt)}>
        {formatAgo(rollout.createdAt, now)}
      </td>
    </tr>
  );
}
