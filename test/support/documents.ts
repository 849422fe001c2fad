/** Documents as a device sends them, with the parts filled in that a test doesn't care about. */
import type { Recipe } from '../../shared/compress/recipe.ts';
import { recipeName, sourceRecipe } from '../../shared/compress/recipe.ts';
import { emptyHistogram, record } from '../../shared/histogram.ts';
import type { Desired, Reported, Window } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { DeviceState } from '../../shared/protocol/states.ts';
import type { Trial, Tuning } from '../../shared/protocol/tuning.ts';

const at = '2026-01-01T00:00:00.000Z';
const onePlan = { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1 };

export function profileOf(
  device: string,
  hardwareClass = 'x64-test',
  rest: Partial<Profile> = {},
): Profile {
  return {
    v: 1,
    device,
    at,
    hardwareClass,
    agentVersion: '0.1.0',
    runtimeVersion: '1.27.0',
    os: {
      platform: 'linux',
      arch: 'x64',
      release: '6.1',
      distribution: null,
      container: false,
    },
    board: null,
    processor: {
      model: 'Test processor',
      cores: 4,
      quotaCores: null,
      features: ['avx2'],
      frequencyMHzMax: null,
      governor: null,
    },
    memory: { totalMiB: 8192, availableMiB: 4096, limitMiB: null },
    disk: { totalMiB: null, freeMiB: null },
    temperatures: [],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [],
    providers: ['cpu'],
    probes: null,
    labels: {},
    missing: [],
    ...rest,
  };
}

/** A report on a goal; one that serves it says so in full. */
export function reportOf(
  goal: Desired | null,
  { device, seq, state }: { device: string; seq: number; state: DeviceState },
): Reported {
  const failure = {
    code: 'SERVE_FAILED',
    message: 'serving it: it crashed',
    hint: 'The previous variant keeps serving.',
    retryable: false,
  } as const;
  return {
    v: 1,
    device,
    seq,
    revision: goal?.revision ?? 0,
    at,
    state,
    reason: state,
    progress: null,
    serving: state === 'serving' && goal?.model ? servingOf(goal.model) : null,
    error: state === 'failed' ? failure : null,
    endpoint: null,
  };
}

/** What a device says that serves the source. */
export function servingOf(model: NonNullable<Desired['model']>): NonNullable<Reported['serving']> {
  return {
    model: model.name,
    version: model.version,
    recipe: sourceRecipe,
    recipeName: recipeName(sourceRecipe),
    variant: model.digest,
    bytes: model.bytes,
    sourceBytes: model.bytes,
    plan: onePlan,
    quality: model.sourceQuality,
    latencyMsP50: 1,
    reason: 'the only one tried',
    since: at,
  };
}

/** A window of so many requests of 2 ms each. */
export function windowOf(seq: number, start = new Date(), requests = 10): Window {
  const latencyMs = emptyHistogram();
  for (let request = 0; request < requests; request += 1) record(latencyMs, 2);
  return {
    seq,
    start: start.toISOString(),
    seconds: 5,
    model: 'tiny',
    version: 1,
    variant: null,
    requests,
    errors: 0,
    latencyMs: { ...latencyMs },
    memoryMiB: 50,
    cores: 0.5,
    temperatureC: null,
  };
}

/** A tuning whose only trial is its choice. */
export function tuningOf(goal: Desired, recipe: Recipe, hardwareClass = 'x64-test'): Tuning {
  const { model, device, revision } = goal;
  const measured = {
    recipe,
    recipeName: recipeName(recipe),
    plan: onePlan,
    variant: `sha256:${'a'.repeat(64)}` as const,
    bytes: 100,
    quality: null,
    latencyMsP50: 1,
    latencyMsP95: 2,
    throughputPerSecond: 1000,
    memoryMiB: 60,
  };
  const trial: Trial = {
    ...measured,
    state: 'done',
    error: null,
    loadMs: 1,
    runs: 10,
    golden: null,
    temperatureC: null,
    at,
  };
  return {
    v: 1,
    device,
    revision,
    model: model?.name ?? 'none',
    version: model?.version ?? 0,
    hardwareClass,
    runtimeVersion: '1.27.0',
    objective: 'latency',
    baseline: null,
    trials: [trial],
    front: [0],
    chosen: { ...measured, reason: 'the only one' },
    seconds: 1,
    at,
  };
}
