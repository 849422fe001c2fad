/**
 * Whether a model has room on a device, from its profile. Pure. An estimate to be read before
 * anything is sent: the device measures before it loads.
 */
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import { candidatesFor } from './candidates.ts';

export interface Fit {
  readonly fits: 'yes' | 'tight' | 'no';
  readonly notes: readonly string[];
}

const mebi = 2 ** 20;
/** A runtime holds the weights once more while it prepares them. */
const copies = 2;
/** What the runtime takes beside the weights. */
const runtimeMiB = 48;
/** A download is verified beside the file that is served now. */
const reserveMiB = 64;

export function fitOf(
  model: Pick<ModelRecord, 'bytes' | 'calibration' | 'manifest'>,
  profile: Profile,
): Fit {
  const bits = candidatesFor(model, profile).map((recipe) => recipe.bits ?? 32);
  const smallest = Math.min(32, ...bits) / 32;
  const memory = roomFor({
    ...{ what: 'memory', free: freeMemory(profile), fixed: runtimeMiB },
    ...{ source: (copies * model.bytes) / mebi, smallest },
  });
  const disk = roomFor({
    ...{ what: 'disk', free: profile.disk.freeMiB, fixed: reserveMiB },
    ...{ source: model.bytes / mebi, smallest },
  });
  const worst = [memory, disk].some(({ fits }) => fits === 'no')
    ? 'no'
    : [memory, disk].some(({ fits }) => fits === 'tight')
      ? 'tight'
      : 'yes';
  return { fits: worst, notes: [...memory.notes, ...disk.notes] };
}

/** A container's limit is all there is, however much the machine has. */
function freeMemory({ memory }: Profile): number {
  const { availableMiB, limitMiB, totalMiB } = memory;
  return Math.min(availableMiB ?? totalMiB, limitMiB ?? Number.POSITIVE_INFINITY);
}

function roomFor(of: {
  readonly what: string;
  /** MiB; null where the profile does not say. */
  readonly free: number | null;
  readonly fixed: number;
  readonly source: number;
  readonly smallest: number;
}): Fit {
  const { what, free, fixed, source, smallest } = of;
  if (free === null) return { fits: 'yes', notes: [`${what}: the profile does not say`] };
  const whole = fixed + source;
  const least = fixed + source * smallest;
  const have = `${Math.floor(free)} MiB are free`;
  if (free >= whole) return { fits: 'yes', notes: [] };
  if (free >= least && smallest < 1) {
    const notes = [
      `${what}: the source needs ${Math.ceil(whole)} MiB, ${have}: only a smaller one`,
    ];
    return { fits: 'tight', notes };
  }
  return { fits: 'no', notes: [`${what}: at least ${Math.ceil(least)} MiB are needed, ${have}`] };
}
