/** Made-up models, variants and rollouts. */
import * as v from 'valibot';
import { type Recipe, recipeName, sourceRecipe } from '../../../shared/compress/recipe.ts';
import { type DeviceSummary, ModelRecord, VariantRecord } from '../../../shared/protocol/api.ts';
import { RolloutRecord, type Verdict } from '../../../shared/protocol/rollouts.ts';
import type { MemberState } from '../../../shared/protocol/states.ts';
import { kinds, sourceBytes, startMs, variantDigest } from './fleet.ts';

const quality = { metric: 'top1', value: 0.9883, samples: 360, drop: 0, dropUpper: 0 };

export function makeModels(): ModelRecord[] {
  return [3, 2].map((version) =>
    v.parse(ModelRecord, {
      name: 'digits',
      version,
      state: 'ready',
      progress: null,
      error: null,
      manifest: {
        name: 'digits',
        description: 'Handwritten digits, 32×32 grey, ten classes',
        model: 'model.onnx',
        quality: { metric: 'top1', maxDrop: 0.01 },
        objective: 'latency',
        limits: { latencyMsP95: 20 },
      },
      digest: variantDigest(sourceRecipe),
      bytes: sourceBytes,
      calibration: variantDigest({ v: 1, bits: 8 }),
      evaluation: version === 3 ? variantDigest({ v: 1, bits: 4 }) : null,
      inputs: [{ name: 'image', type: 'float32', shape: [-1, 1, 32, 32] }],
      outputs: [{ name: 'logits', type: 'float32', shape: [-1, 10] }],
      opset: 17,
      parameters: 629_354,
      quality: version === 3 ? quality : null,
      notes: version === 3 ? [] : ['No evaluation data: quality cannot be measured.'],
      createdAt: new Date(startMs - (4 - version) * 86_400_000).toISOString(),
    }),
  );
}

const built: readonly (readonly [Recipe, number, number])[] = [
  [{ v: 1, bits: 16 }, 0.52, 0.9883],
  [{ v: 1, bits: 8 }, 0.268, 0.9861],
  [{ v: 1, bits: 8, layers: { stem: 32 } }, 0.291, 0.9877],
  [{ v: 1, bits: 8, keep: 0.75 }, 0.158, 0.9806],
  [{ v: 1, bits: 8, keep: 0.5 }, 0.083, 0.9611],
  [{ v: 1, bits: 4 }, 0.151, 0.8917],
];

export function makeVariants(): VariantRecord[] {
  const ready = built.map(([recipe, ratio, value]) =>
    v.parse(VariantRecord, {
      ...shell(recipe),
      state: 'ready',
      digest: variantDigest(recipe),
      bytes: Math.round(sourceBytes * ratio),
      quality: {
        ...quality,
        value,
        drop: quality.value - value,
        dropUpper: quality.value - value + 0.006,
      },
      golden: { digest: variantDigest(recipe), bytes: 70_000, samples: 16 },
      layers: [
        { name: 'stem', op: 'Conv', bits: recipe.bits, reason: null },
        { name: 'pool', op: 'GlobalAveragePool', bits: 32, reason: 'fewer than 1 % of the work' },
      ],
      seconds: 3.2,
    }),
  );
  const building = v.parse(VariantRecord, {
    ...shell({ v: 1, bits: 2 }),
    state: 'building',
    progress: { what: 'calibrating', done: 180, total: 360, unit: 'samples' },
  });
  return [...ready, building];
}

function shell(recipe: Recipe) {
  return {
    id: variantDigest(recipe),
    model: 'digits',
    version: 3,
    recipe,
    recipeName: recipeName(recipe),
    state: 'queued',
    progress: null,
    error: null,
    digest: null,
    bytes: null,
    quality: null,
    golden: null,
    layers: [],
    seconds: null,
    createdAt: new Date(startMs - 7_200_000).toISOString(),
  };
}

/** Three waves over the fleet: the first is done, the second under way. */
export function makeRollout(devices: readonly DeviceSummary[]): RolloutRecord {
  const edges = [Math.ceil(devices.length / 10), Math.ceil(devices.length / 3), devices.length];
  return v.parse(RolloutRecord, {
    id: 'r-3',
    model: 'digits',
    version: 3,
    selector: 'site=kassel',
    waves: [{ percent: 10 }, { percent: 33 }, { percent: 100 }],
    wave: 2,
    state: 'running',
    reason: 'wave 2: waits for 2 devices that measure their variants',
    soakSeconds: 30,
    timeoutSeconds: 600,
    maxFailures: 3,
    tuningBudgetSeconds: 120,
    members: devices.map((device, index) => {
      const wave = edges.findIndex((edge) => index < edge) + 1;
      return {
        device: device.device,
        wave,
        state: memberState(wave, index),
        revision: wave < 3 ? 4 : null,
        since: wave < 3 ? new Date(startMs - 30_000).toISOString() : null,
        reason: wave < 3 ? 'serves digits@3' : 'waits for its wave',
      };
    }),
    waitsFor: 'devices',
    since: new Date(startMs - 90_000).toISOString(),
    verdicts: kinds.flatMap(({ hardwareClass }, index) => verdictsOf(hardwareClass, index)),
    createdAt: new Date(startMs - 600_000).toISOString(),
    endedAt: null,
  });
}

/** The gates of one class, each a little nearer to its limit than in the class before. */
function verdictsOf(hardwareClass: string, index: number): Verdict[] {
  const common = { class: hardwareClass, samples: 400, state: 'holds' } as const;
  const near = 0.7 + index * 0.15;
  const reason = `class ${hardwareClass}: as the figures say`;
  return [
    { ...common, gate: 'latency', against: 'baseline', value: near, threshold: 2, reason },
    { ...common, gate: 'errors', against: 'baseline', value: 0.004, threshold: 0.02, reason },
    { ...common, gate: 'memory', against: 'baseline', value: near, threshold: 1.5, reason },
    { ...common, gate: 'golden', against: 'limit', value: 0.97, threshold: 0.9, reason },
    {
      ...{ ...common, gate: 'temperature', against: 'limit', value: null, threshold: 95 },
      ...{ state: 'no data', reason: `class ${hardwareClass}: no device reports temperature` },
    },
  ];
}

function memberState(wave: number, index: number): MemberState {
  if (wave === 1) return 'succeeded';
  if (wave === 3) return 'waiting';
  return (['succeeded', 'succeeded', 'soaking', 'updating'] as const)[index % 4] ?? 'updating';
}
