/** A made-up fleet for tests of the dashboard, checked by the same schemas as the real one. */
import * as v from 'valibot';
import { type Recipe, recipeName, sourceRecipe } from '../../../shared/compress/recipe.ts';
import { type Digest, digestOfJson } from '../../../shared/digest.ts';
import { DeviceSummary } from '../../../shared/protocol/api.ts';
import type { DeviceState } from '../../../shared/protocol/states.ts';
import { createRandom } from '../../../shared/random.ts';

export const sourceBytes = 2_531_072;
export const startMs = Date.parse('2026-03-02T09:00:00.000Z');

/** What would run if a text were taken for markup; short enough for a label. */
export const injection = '<img src=x onerror="window.injected=1"><b>';

interface Kind {
  readonly hardwareClass: string;
  readonly board: string;
  readonly processor: string;
  readonly cores: number;
  readonly recipe: Recipe;
  readonly ms: number;
  readonly ratio: number;
}

const int8: Recipe = { v: 1, bits: 8 };

export const kinds: readonly Kind[] = [
  {
    hardwareClass: 'arm64-i8mm-4c-8g-91c0',
    board: 'Radxa Rock 5B',
    processor: 'Cortex-A76',
    cores: 4,
    recipe: int8,
    ms: 2.6,
    ratio: 0.268,
  },
  {
    hardwareClass: 'x64-avx512vnni-2c-16g-3f2a',
    board: 'Intel NUC 11',
    processor: 'Intel Core i5-1135G7',
    cores: 2,
    recipe: { v: 1, bits: 8, layers: { stem: 32 } },
    ms: 0.74,
    ratio: 0.291,
  },
  {
    hardwareClass: 'arm64-asimd-4c-1g-07be',
    board: 'Raspberry Pi 3 Model B',
    processor: 'Cortex-A53',
    cores: 4,
    recipe: { v: 1, bits: 8, keep: 0.75 },
    ms: 21.4,
    ratio: 0.158,
  },
  {
    hardwareClass: 'x64-avx2-4c-8g-c5d8',
    board: 'PC Engines APU',
    processor: 'AMD GX-412TC',
    cores: 4,
    recipe: sourceRecipe,
    ms: 8.9,
    ratio: 1,
  },
  {
    hardwareClass: 'arm64-asimddp-6c-8g-ab12',
    board: 'Jetson Orin Nano',
    processor: 'Cortex-A78AE',
    cores: 6,
    recipe: int8,
    ms: 1.9,
    ratio: 0.268,
  },
];

const states: readonly (readonly [DeviceState, number])[] = [
  ['serving', 0.86],
  ['tuning', 0.91],
  ['fetching', 0.95],
  ['proving', 0.97],
  ['failed', 0.985],
  ['idle', 1],
];
const zones = ['hall-1', 'hall-2', 'yard', 'roof'] as const;

/** `count` devices; the same seed gives the same fleet. */
export function makeFleet(count: number, seed = 7): DeviceSummary[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const roll = index < 3 ? 0 : random();
    const state = states.find(([, limit]) => roll < limit)?.[0] ?? 'idle';
    const kind = kinds[index < kinds.length ? index : Math.floor(random() ** 2 * kinds.length)];
    if (kind === undefined) throw new RangeError('no kind');
    return makeDevice({ index, state, kind, random });
  });
}

interface DeviceInput {
  readonly index: number;
  readonly state: DeviceState;
  readonly kind: Kind;
  readonly random: () => number;
}

export function makeDevice({ index, state, kind, random }: DeviceInput): DeviceSummary {
  const zone = zones[index % zones.length] ?? 'yard';
  const device = `${zone}-cam-${index + 1}`;
  const online = index < 3 || random() > 0.02;
  const busy = state === 'serving' || state === 'failed' || state === 'tuning';
  const ms = kind.ms * (0.9 + random() * 0.25);
  return v.parse(DeviceSummary, {
    device,
    labels: { zone, site: 'kassel' },
    online,
    lastSeen: new Date(startMs - (online ? random() * 5000 : 900_000 * random())).toISOString(),
    enrolledAt: '2026-02-11T08:30:00.000Z',
    hardwareClass: kind.hardwareClass,
    board: kind.board,
    processor: kind.processor,
    cores: kind.cores,
    desiredRevision: 4,
    reported: reported({ device, state, kind, ms }),
    recent:
      online && busy
        ? {
            requestsPerSecond: Math.round((3 + random() * 30) * 10) / 10,
            errors: random() > 0.98 ? 3 : 0,
            latencyMsP50: ms,
            latencyMsP95: ms * (1.3 + random()),
            memoryMiB: 74 + random() * 60,
            cores: 0.2 + random(),
            temperatureC: kind.board.startsWith('Intel') ? null : 48 + random() * 36,
          }
        : null,
  });
}

function reported(input: { device: string; state: DeviceState; kind: Kind; ms: number }) {
  const { device, state, kind, ms } = input;
  const progress: Readonly<Partial<Record<DeviceState, object>>> = {
    tuning: { what: 'measuring int8, 4 threads', done: 5, total: 12, unit: 'trials' },
    fetching: { what: 'fetching int8', done: 402_112, total: 678_912, unit: 'bytes' },
    proving: { what: 'soaking', done: 21, total: 30, unit: 'seconds' },
  };
  const reasons: Readonly<Record<DeviceState, string>> = {
    idle: 'waits for a model',
    fetching: 'fetches int8, 663 KiB',
    tuning: 'measures int8 with 4 threads',
    proving: 'soaks for 30 s',
    serving: `serves ${recipeName(kind.recipe)}`,
    failed: 'no variant fits this device',
  };
  return {
    v: 1,
    device,
    seq: 12,
    revision: 4,
    at: new Date(startMs - 4000).toISOString(),
    state,
    reason: reasons[state],
    progress: progress[state] ?? null,
    serving: state === 'idle' || state === 'fetching' ? null : servingOf(kind, ms),
    error:
      state === 'failed'
        ? {
            code: 'NO_VARIANT_FITS',
            message: 'no variant fits this device: 84 MiB are over the limit of 64 MiB',
            hint: 'Relax the limits of the package.',
            retryable: false,
          }
        : null,
    endpoint: 'http://127.0.0.1:8600',
  };
}

export function servingOf(kind: Kind, ms: number) {
  const name = recipeName(kind.recipe);
  return {
    model: 'digits',
    version: 3,
    recipe: kind.recipe,
    recipeName: name,
    variant: variantDigest(kind.recipe),
    bytes: Math.round(sourceBytes * kind.ratio),
    sourceBytes,
    plan: { provider: 'cpu', threads: Math.min(4, kind.cores), instances: 1, batch: 1, stages: 1 },
    quality: { metric: 'top1', value: 0.9861, samples: 360, drop: 0.0022, dropUpper: 0.0071 },
    latencyMsP50: ms,
    reason: `${name}, 4 threads: p50 ${ms.toPrecision(3)} ms, 3.24 times as fast as the source`,
    onGolden: { samples: 16, agreement: 0.9375, sqnrDb: 24.1, version: 2, recipeName: 'int8' },
    since: '2026-03-02T08:12:44.000Z',
  };
}

export function variantDigest(recipe: Recipe): Digest {
  return digestOfJson({ variant: recipe });
}
