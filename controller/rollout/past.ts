/** What whoever starts a rollout should know of earlier ones. Pure. */
import type { StoredRollout } from '../store/rollouts.ts';

interface Version {
  readonly name: string;
  readonly version: number;
}

/** The newest time that this version was rolled back, if it was. */
export function notesOfPast(
  earlier: readonly Pick<
    StoredRollout,
    'id' | 'model' | 'version' | 'state' | 'reason' | 'endedAt'
  >[],
  { name, version }: Version,
): string[] {
  const back = earlier.findLast(
    (one) => one.model === name && one.version === version && one.state === 'rolled back',
  );
  if (!back) return [];
  const day = back.endedAt?.slice(0, 16).replace('T', ' ') ?? 'before';
  return [`warning: ${name} ${version} was rolled back on ${day} (${back.id}): ${back.reason}`];
}
