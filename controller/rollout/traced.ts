/** A step of a rollout as a span of the trace that the rollout belongs to. */
import { startSpan } from '../../shared/otlp/tracer.ts';
import { parseTraceparent, traceparentOf } from '../../shared/trace-context.ts';
import type { Assignment, Dispatcher } from '../dispatch.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import type { World } from '../world.ts';

/** Names of devices in a span. */
const namesMax = 100;

/** Gives the goals to their devices; every one of them names the span of this step. */
export async function assignTraced(
  { world, dispatcher }: { readonly world: World; readonly dispatcher: Dispatcher },
  { id, wave, traceparent }: StoredRollout,
  goals: readonly Assignment[],
): Promise<void> {
  const parent = parseTraceparent(traceparent);
  if (!parent) {
    await dispatcher.assign(goals);
    return;
  }
  const names = goals.map(({ device }) => device).slice(0, namesMax);
  const attributes = {
    'fettle.rollout': id,
    'fettle.wave': wave,
    'fettle.devices': names.join(' '),
  };
  const span = startSpan(world.spans.send, { name: 'rollout step', parent, attributes });
  const given = traceparentOf(span.context);
  await dispatcher.assign(
    goals.map(({ device, goal }) => ({ device, goal: { ...goal, traceparent: given } })),
  );
  span.end();
}
