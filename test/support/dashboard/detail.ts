/** One made-up device in detail: profile, tuning, events and telemetry. */
import * as v from 'valibot';
import { type Recipe, recipeName, sourceRecipe } from '../../../shared/compress/recipe.ts';
import { emptyHistogram, record } from '../../../shared/histogram.ts';
import { DeviceDetail, type DeviceSummary } from '../../../shared/protocol/api.ts';
import { createRandom } from '../../../shared/random.ts';
import { injection, sourceBytes, startMs, variantDigest } from './fleet.ts';

/** [recipe, bytes against the source, accuracy, latency with one thread]. */
const candidates: readonly (readonly [Recipe, number, number, number])[] = [
  [sourceRecipe, 1, 0.9883, 9.4],
  [{ v: 1, bits: 16 }, 0.52, 0.9883, 9.9],
  [{ v: 1, bits: 8 }, 0.268, 0.9861, 2.9],
  [{ v: 1, bits: 8, layers: { stem: 32 } }, 0.291, 0.9877, 3.4],
  [{ v: 1, bits: 8, keep: 0.75 }, 0.158, 0.9806, 2.0],
  [{ v: 1, bits: 8, keep: 0.5 }, 0.083, 0.9611, 1.3],
  [{ v: 1, bits: 4 }, 0.151, 0.8917, 8.1],
];
const maxDrop = 0.01;

export function makeDetail(summary: DeviceSummary): DeviceDetail {
  const random = createRandom(summary.device.length * 97);
  const at = new Date(startMs).toISOString();
  return v.parse(DeviceDetail, {
    ...summary,
    profile: profileOf(summary, at),
    desired: desiredOf(summary, at),
    tuning: tuningOf(summary, at),
    before: beforeOf(),
    events: eventsOf(),
    eventsNext: null,
    windows: Array.from({ length: 120 }, (_, index) => windowOf(index, random)),
  });
}

function trials() {
  return candidates.flatMap(([recipe, ratio, accuracy, ms]) =>
    [1, 2, 4].map((threads) => {
      const speed = ms / threads ** 0.62;
      const source = recipe.source === true;
      return {
        recipe,
        recipeName: recipeName(recipe),
        plan: { provider: 'cpu', threads, instances: 1, batch: 1, stages: 1 },
        variant: variantDigest(recipe),
        bytes: Math.round(sourceBytes * ratio),
        state: 'done',
        error: null,
        quality: {
          metric: 'top1',
          value: accuracy,
          samples: 360,
          drop: 0.9883 - accuracy,
          dropUpper: 0.9883 - accuracy + 0.006,
        },
        latencyMsP50: speed,
        latencyMsP95: speed * 1.4,
        throughputPerSecond: 1000 / speed,
        memoryMiB: 48 + 30 * ratio + threads * 2,
        loadMs: 31,
        runs: 300,
        golden: source ? null : { samples: 16, agreement: 1, sqnrDb: 31.5 },
        temperatureC: 55,
        at: new Date(startMs - 3_600_000).toISOString(),
      };
    }),
  );
}

function tuningOf(summary: DeviceSummary, at: string) {
  const done = trials();
  const failed = {
    ...done[20],
    recipe: { v: 1, bits: 2 },
    recipeName: 'int2',
    state: 'failed',
    error: {
      code: 'GOLDEN_MISMATCH',
      message: 'variant int2 computes wrongly on this processor: 3 of 16 samples agree',
      hint: 'Another variant is chosen.',
      retryable: false,
    },
  };
  const chosen = done.find((t) => t.recipeName === 'int8' && t.plan.threads === 4);
  return {
    v: 1,
    device: summary.device,
    revision: 4,
    model: 'digits',
    version: 3,
    hardwareClass: summary.hardwareClass ?? 'unknown',
    runtimeVersion: '1.27.0',
    objective: 'latency',
    baseline: done[2],
    trials: [...done, failed],
    front: frontOf(done),
    chosen: {
      ...chosen,
      reason: 'int8, 4 threads: p50 1.23 ms, 3.24 times as fast as the source',
      proof:
        "int8, 4 threads: p50 1.23 ms, 3.24 times as fast as the source's best " +
        '(4 threads, p50 3.98 ms), ' +
        '0.268 of its bytes; top-1 falls by 0.22 points of the 1.00 allowed. ' +
        'int8 keep 0.5, 4 threads (p50 0.55 ms) was refused: ' +
        'top-1 falls by 2.72 points, 1.00 are allowed.',
    },
    layers: layersOf(),
    seconds: 74,
    at,
  };
}

function beforeOf() {
  return {
    ...{ version: 3, against: 2, devices: 0, state: 'holds', basis: 'quality', metric: 'top1' },
    ...{ before: 0.9842, after: 0.9861, agreement: null, samples: 360, limit: maxDrop },
    reason:
      'top1 is 98.61 % on 360 samples, 98.42 % with version 2: ' +
      '0.19 points of top1 gained, 1 point of top1 allowed',
  };
}

function layersOf() {
  return Array.from({ length: 14 }, (_, index) => {
    const beforeUs = index === 13 ? null : 420 - index * 26;
    const bits = index === 0 ? 32 : 8;
    return {
      name: index === 0 ? 'stem' : `block${Math.ceil(index / 2)}.conv${2 - (index % 2)}`,
      bits,
      beforeUs,
      afterUs: beforeUs === null ? null : beforeUs / (bits === 32 ? 1.02 : 3.1 + index / 20),
      ...(index === 2 && { channels: { kept: 24, of: 32 } }),
    };
  });
}

function frontOf(done: ReturnType<typeof trials>): number[] {
  return done.flatMap((trial, index) =>
    done.some(
      (other) =>
        other.latencyMsP50 <= trial.latencyMsP50 &&
        other.quality.value >= trial.quality.value &&
        other.bytes <= trial.bytes &&
        other !== trial,
    )
      ? []
      : [index],
  );
}

function windowOf(index: number, random: () => number) {
  const powerW = 5.1 + random() * 0.8;
  const latencyMs = emptyHistogram();
  const requests = 60 + Math.floor(random() * 50 + 30 * Math.sin(index / 9));
  for (let request = 0; request < requests; request += 1) {
    record(latencyMs, 1.05 + random() * 0.5 + (random() > 0.96 ? random() * 3 : 0));
  }
  return {
    seq: index,
    start: new Date(startMs - (120 - index) * 5000).toISOString(),
    seconds: 5,
    model: 'digits',
    version: 3,
    variant: variantDigest(index < 34 ? { v: 1, bits: 16 } : { v: 1, bits: 8 }),
    requests,
    errors: index === 70 ? 4 : 0,
    latencyMs,
    memoryMiB: 84 + Math.sin(index / 20) * 3 + random(),
    cores: 0.4 + random() * 0.2,
    temperatureC: 56 + Math.sin(index / 30) * 4,
    frequencyMHz: 2256 - (index > 80 && index < 92 ? 640 : 0),
    throttled: index > 80 && index < 92,
    powerW,
    rails: [
      { name: 'VDD_IN', watts: powerW },
      { name: 'VDD_CPU', watts: powerW * 0.55 },
      { name: 'VDD_GPU', watts: powerW * 0.12 },
    ],
    gpuLoad: 0.1 + random() * 0.05,
    inputDrift: 0.03 + index / 2500 + random() * 0.01,
    outputDrift: 0.02 + index / 4000 + random() * 0.01,
  };
}

function desiredOf(summary: DeviceSummary, at: string) {
  return {
    v: 1,
    device: summary.device,
    revision: summary.desiredRevision,
    at,
    rollout: 'r-3',
    model: {
      name: 'digits',
      version: 3,
      digest: variantDigest(sourceRecipe),
      bytes: sourceBytes,
      inputs: [{ name: 'image', type: 'float32', shape: [-1, 1, 32, 32] }],
      outputs: [{ name: 'logits', type: 'float32', shape: [-1, 10] }],
      sourceQuality: { metric: 'top1', value: 0.9883, samples: 360, drop: 0, dropUpper: 0 },
      maxDrop,
      objective: 'latency',
      limits: { latencyMsP95: 20 },
      candidates: candidates.map(([recipe]) => recipe),
    },
    hint: null,
    tuningBudgetSeconds: 120,
    soakSeconds: 30,
    telemetrySeconds: 5,
    signature: { keyId: 'k1', ed25519: 'AAAA' },
  };
}

function eventsOf() {
  const lines = [
    ['info', 'SERVING', 'serves int8, 4 threads'],
    ['info', 'TUNED', '21 trials in 74 s'],
    ['warn', 'TRIAL_FAILED', 'trial of int2: 3 of 16 golden samples agree'],
    ['error', 'DOWNLOAD_FAILED', `http://controller: ${injection}`],
    ['info', 'ENROLLED', 'pinned the controller key'],
  ] as const;
  return lines.map(([level, code, message], index) => ({
    at: new Date(startMs - index * 61_000).toISOString(),
    lastAt: new Date(startMs - index * 61_000).toISOString(),
    times: index + 1,
    kind: 'state' as const,
    level,
    code,
    message,
  }));
}

function profileOf(summary: DeviceSummary, at: string) {
  return {
    v: 1,
    device: summary.device,
    at,
    hardwareClass: summary.hardwareClass ?? 'unknown',
    agentVersion: '0.1.0',
    runtimeVersion: '1.27.0',
    os: {
      platform: 'linux',
      arch: 'arm64',
      release: '6.6.31',
      distribution: 'Debian GNU/Linux 12',
      container: false,
    },
    board: summary.board,
    processor: {
      model: summary.processor ?? 'unknown',
      cores: summary.cores ?? 1,
      quotaCores: null,
      clusters: clustersOf(summary.cores ?? 1),
      features: ['asimd', 'asimddp', 'i8mm', 'fp16'],
      frequencyMHzMax: 2256,
      governor: 'schedutil',
    },
    memory: { totalMiB: 7934, availableMiB: 6120, limitMiB: null },
    disk: { totalMiB: 29_800, freeMiB: 21_430, kind: 'emmc', model: 'BJTD4R', wearPercent: 20 },
    temperatures: [
      { name: 'soc', celsius: 56.4, throttleCelsius: 85 },
      { name: 'gpu', celsius: 54.1 },
    ],
    throttling: {
      ...{ now: true, reasons: ['cpufreq-cpu4 cools'], since: ['under-voltage'] },
      cooling: [
        { name: 'cpufreq-cpu4', state: 2, stateMax: 10 },
        { name: 'pwm-fan', state: 3, stateMax: 4 },
      ],
    },
    power: {
      ...{ source: 'mains', batteryPercent: null, mode: 'MODE_15W', watts: 5.42, meter: 'VDD_IN' },
      modes: ['MAXN', 'MODE_15W'],
      rails: [
        { name: 'VDD_IN', watts: 5.42 },
        { name: 'VDD_CPU', watts: 2.98 },
        { name: 'VDD_GPU', watts: 0.65 },
      ],
      pmic: 'rk806',
    },
    accelerators: [
      {
        ...{ kind: 'gpu', name: 'Mali-G610', frequencyMHz: 300, frequencyMHzMax: 1000 },
        loadPercent: 12,
      },
    ],
    providers: ['cpu'],
    probes: { float32Gmacs: 14.2, int8Gmacs: 51.7, memoryGiBs: 11.3, seconds: 1.8 },
    labels: summary.labels,
    missing: [{ what: 'disk.totalMiB', reason: 'permission denied' }],
  };
}

/** Half of them small. */
function clustersOf(cores: number) {
  const big = { name: 'Cortex-A76', cores: Math.ceil(cores / 2), frequencyMHzMax: 2256 };
  const small = { name: 'Cortex-A55', cores: Math.floor(cores / 2), frequencyMHzMax: 1800 };
  return cores < 2 ? [big] : [big, small];
}
