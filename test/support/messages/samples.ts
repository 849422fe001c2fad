/** One sound document of every schema that crosses a border. */
import { digestOf } from '../../../shared/digest.ts';
import type { Channel } from '../../../shared/protocol/topics.ts';
import { desiredFor } from '../desired.ts';
import { profileOf, reportOf, tuningOf, windowOf } from '../documents.ts';

export type Up = 'reported' | 'profile' | 'tuning' | 'telemetry' | 'event' | 'presence';
export const ups: readonly Up[] = [
  ...(['reported', 'profile', 'tuning'] as const),
  ...(['telemetry', 'event', 'presence'] as const),
];

/** What a device sends; `seq` is above that of the one before. */
export function upSample(channel: Up, device: string, seq: number): object {
  const goal = { ...desiredFor({ device, revision: 1 }) };
  const at = new Date().toISOString();
  const samples = {
    reported: () => reportOf(goal, { device, seq, state: 'serving' }),
    profile: () => profileOf(device),
    tuning: () => tuningOf(goal, { v: 1, bits: 8 }),
    telemetry: () => ({ v: 1, device, spool: 's', dropped: 0, windows: [windowOf(seq)] }),
    event: () => ({
      ...{ v: 1, device, at, level: 'info', code: 'SAID', message: 'said', spool: 's', seq },
    }),
    presence: () => ({ v: 1, device, online: true, boot: 'one' }),
  } as const satisfies Record<Up, () => object>;
  return samples[channel]();
}

export type Down = Exclude<Channel, Up>;

/** What the controller, or another program, sends. */
export function downSamples(device: string): Record<Down, object> {
  const at = new Date().toISOString();
  const signature = { keyId: 'none', ed25519: '' };
  const infer = { v: 1, id: 'a', model: 'tiny', inputs: [] };
  const figures = { latencyMsP50: 1, latencyMsP95: 2, memoryMiB: 50, temperatureC: 40 };
  return {
    desired: desiredFor({ device, revision: 1 }),
    release: {
      ...{ v: 1, device, revision: 1, at, rollout: null, release: 1, version: '1.0.0' },
      ...{ digest: digestOf('bundle'), bytes: 100, healthySeconds: 60, signature },
    },
    ack: { v: 1, reportedSeq: 1, telemetry: { spool: 's', seq: 1 }, telemetrySeconds: 5 },
    infer,
    inferred: infer,
    summary: { v: 1, device, requestsPerSecond: 1, errors: 0, ...figures },
  };
}

export interface Request {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly body: object;
}

/** What people and devices send over HTTP; nothing of it needs to be there already. */
export function requestSamples(device: string): readonly Request[] {
  const digest = digestOf('a file');
  const manifest = { name: 'tiny', model: 'm.onnx', quality: { metric: 'top1', maxDrop: 0.01 } };
  const waves = [{ count: 1 }, { percent: 100, approval: true }];
  const post = 'POST' as const;
  return [
    { method: post, path: '/api/v1/enrol', body: { token: 't', device: 'x', labels: { a: 'b' } } },
    {
      method: post,
      path: '/api/v1/enrolment-tokens',
      body: { expiresInSeconds: 60, maxUses: 2, labels: { a: 'b' } },
    },
    {
      method: post,
      path: '/api/v1/models',
      body: { manifest, model: digest, calibration: null, evaluation: null },
    },
    {
      method: post,
      path: '/api/v1/models/tiny/1/variants',
      body: { recipe: { v: 1, bits: 8 } },
    },
    {
      method: post,
      path: '/api/v1/rollouts',
      body: { model: 'tiny', version: 1, selector: 'a=b', waves, soakSeconds: 1 },
    },
    {
      method: post,
      path: '/api/v1/webhooks',
      body: { name: 'hook', url: 'http://127.0.0.1:1/', events: ['device'] },
    },
    { method: post, path: '/api/v1/releases', body: { bundles: [digest] } },
    { method: post, path: '/api/v1/tokens', body: { name: 'eve', role: 'viewer' } },
    { method: 'PUT', path: `/api/v1/devices/${device}/labels`, body: { room: 'kitchen' } },
    { method: 'PATCH', path: `/api/v1/devices/${device}/labels`, body: { room: null, a: 'b' } },
    { method: 'PATCH', path: `/api/v1/devices/${device}`, body: { telemetrySeconds: 5 } },
  ];
}
