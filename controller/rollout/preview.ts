/** What a rollout would do, without doing it. Pure. */
import type { RolloutPreview } from '../../shared/protocol/rollouts.ts';
import type { Device } from '../fleet.ts';
import { maintenanceAt } from './maintenance.ts';
import { type DeviceView, planRollout, type RolloutInput } from './plan.ts';
import type { PreviewSubject } from './preview-subject.ts';

export interface Previewing {
  readonly subject: PreviewSubject;
  readonly rollout: RolloutInput;
  readonly devices: ReadonlyMap<string, Device>;
  readonly views: ReadonlyMap<string, DeviceView>;
  /** What is to be known of earlier rollouts. */
  readonly past: readonly string[];
  readonly comparisons: RolloutPreview['comparisons'];
  readonly nowMs: number;
}

/** The devices are in the order in which they would be admitted. */
export function previewOf(previewing: Previewing): RolloutPreview {
  const { subject, rollout, views, devices, comparisons, nowMs } = previewing;
  const plan = planRollout({ ...rollout, maintenance: null, waves: open(rollout) }, views, nowMs);
  const seen = new Map<string, number>();
  const members = plan.members
    .toSorted((a, b) => a.wave - b.wave)
    .map(({ device, class: own, wave }) => {
      const count = (seen.get(own) ?? 0) + 1;
      seen.set(own, count);
      const known = devices.get(device);
      const of = known ? subject.of(known) : unknown;
      return {
        ...{ device, class: own, wave, scout: count <= rollout.scouts },
        online: views.get(device)?.online ?? false,
        ...of,
        notes: [...of.notes, ...notesOf(rollout, views.get(device))],
      };
    });
  const { name, version } = subject;
  const waves = [...rollout.waves];
  const outlook = [...plan.outlook];
  const notes = notesFor(previewing);
  return { model: name, version, waves, members, comparisons, outlook, notes };
}

const unknown = { serves: null, gets: '–', fits: 'yes' as const, notes: [] };

/** Nobody approves of a wave that is not begun. */
function open({ waves }: RolloutInput): RolloutInput['waves'] {
  return waves.map((wave) => ({ ...wave, approval: false }));
}

const offlineNotes = {
  wait: 'it is offline: the rollout waits until it is back',
  skip: 'it is offline: it is skipped, and joins when it is back',
  fail: 'it is offline: it comes after those that are online, and its silence is a failure',
} as const;

function notesOf({ offline }: RolloutInput, view: DeviceView | undefined): string[] {
  if (!view) return [];
  return [
    ...(view.online ? [] : [offlineNotes[offline]]),
    ...(view.otherUsage ? [] : ['no telemetry of another version: gates have no baseline of it']),
  ];
}

function notesFor({ subject, rollout, views, past, nowMs }: Previewing): string[] {
  const window = maintenanceAt(rollout.maintenance, nowMs);
  const approved = rollout.waves.flatMap(({ approval }, index) => (approval ? [index + 1] : []));
  return [
    ...(views.size + subject.leftOut.length === 0 ? ['no device matches the selector'] : []),
    ...subject.leftOut,
    ...(window.open ? [] : [window.reason]),
    ...(approved.length > 0 ? [`approval is asked for before wave ${approved.join(', ')}`] : []),
    ...past,
    ...subject.notes,
  ];
}
