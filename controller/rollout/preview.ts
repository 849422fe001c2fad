/** What a rollout would do, without doing it. Pure. */
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { RolloutPreview } from '../../shared/protocol/rollouts.ts';
import type { Device } from '../fleet.ts';
import { fitOf } from './fits.ts';
import { maintenanceAt } from './maintenance.ts';
import { type DeviceView, planRollout, type RolloutInput } from './plan.ts';

export interface Previewing {
  readonly model: ModelRecord;
  readonly rollout: RolloutInput;
  readonly devices: ReadonlyMap<string, Device>;
  readonly views: ReadonlyMap<string, DeviceView>;
  readonly nowMs: number;
}

/** The devices are in the order in which they would be admitted. */
export function previewOf(previewing: Previewing): RolloutPreview {
  const { model, rollout, views, devices, nowMs } = previewing;
  const plan = planRollout({ ...rollout, maintenance: null, waves: open(rollout) }, views, nowMs);
  const seen = new Map<string, number>();
  const members = plan.members
    .toSorted((a, b) => a.wave - b.wave)
    .map(({ device, class: own, wave }) => {
      const count = (seen.get(own) ?? 0) + 1;
      seen.set(own, count);
      const known = devices.get(device);
      const fit = known?.profile
        ? fitOf(model, known.profile)
        : { fits: 'yes' as const, notes: [] };
      const serving = known?.reported?.serving;
      return {
        ...{ device, class: own, wave, scout: count <= rollout.scouts },
        online: views.get(device)?.online ?? false,
        serves: serving ? `${serving.model} ${serving.version}` : null,
        fits: fit.fits,
        notes: [...fit.notes, ...notesOf(views.get(device))],
      };
    });
  const { name, version } = model;
  return { model: name, version, waves: [...rollout.waves], members, notes: notesFor(previewing) };
}

/** Nobody approves of a wave that is not begun. */
function open({ waves }: RolloutInput): RolloutInput['waves'] {
  return waves.map((wave) => ({ ...wave, approval: false }));
}

function notesOf(view: DeviceView | undefined): string[] {
  if (!view) return [];
  return [
    ...(view.online ? [] : ['it is offline: it comes after those that are online']),
    ...(view.otherUsage ? [] : ['no telemetry of another version: gates have no baseline of it']),
  ];
}

function notesFor({ model, rollout, views, nowMs }: Previewing): string[] {
  const window = maintenanceAt(rollout.maintenance, nowMs);
  const approved = rollout.waves.flatMap(({ approval }, index) => (approval ? [index + 1] : []));
  return [
    ...(views.size === 0 ? ['no device matches the selector'] : []),
    ...(window.open ? [] : [window.reason]),
    ...(approved.length > 0 ? [`approval is asked for before wave ${approved.join(', ')}`] : []),
    ...model.notes,
  ];
}
