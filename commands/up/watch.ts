/** Looks at the controller twice a second and tells who shows it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { DeviceSummary, ModelRecord } from '../../shared/protocol/api.ts';

export interface Seen {
  readonly model: ModelRecord | null;
  readonly devices: readonly DeviceSummary[];
}

export interface Watching {
  readonly look: () => Promise<Seen>;
  readonly onSeen: (seen: Seen) => void;
  /** The controller does not answer: it is being started again, or is gone. */
  readonly onLost: (thrown: unknown) => void;
  readonly signal: AbortSignal;
}

const everyMs = 500;

/** Returns when aborted. */
export async function watch({ look, onSeen, onLost, signal }: Watching): Promise<void> {
  while (!signal.aborted) {
    try {
      onSeen(await look());
    } catch (thrown) {
      if (!signal.aborted) onLost(thrown);
    }
    await pause(everyMs, undefined, { signal }).catch(() => {});
  }
}

/** Whether every device that was started has found its place: it serves the model, or it failed. */
export function isSettled({ model, devices }: Seen, names: readonly string[]): boolean {
  return names.every((name) => {
    const reported = devices.find(({ device }) => device === name)?.reported;
    if (!reported || !model) return false;
    const serves = reported.state === 'serving' && reported.serving?.version === model.version;
    return serves || reported.state === 'failed';
  });
}
