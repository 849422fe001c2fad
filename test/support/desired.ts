/** Desired documents as a controller makes them, for a device `device`. */
import { type Digest, digestOf } from '../../shared/digest.ts';
import type { Desired, ModelGoal } from '../../shared/protocol/messages.ts';
import { type KeyPair, sign } from '../../shared/signature.ts';

export interface DesiredOptions {
  readonly device?: string;
  readonly revision: number;
  /** What differs from `goalFor`; null wants no model. */
  readonly model?: Partial<ModelGoal> | null;
  readonly soakSeconds?: number;
  readonly telemetrySeconds?: number;
  /** The least agreement with the variant before; absent, as an older controller leaves it. */
  readonly agreement?: number | null;
}

/** With a signature of nobody. */
export function desiredFor(options: DesiredOptions): Desired {
  return {
    v: 1,
    device: options.device ?? 'device',
    revision: options.revision,
    at: '2026-01-01T00:00:00.000Z',
    rollout: null,
    model: options.model === null ? null : { ...goalFor(digestOf('source')), ...options.model },
    hint: null,
    tuningBudgetSeconds: 2,
    soakSeconds: options.soakSeconds ?? 0,
    ...(options.agreement === undefined ? {} : { agreement: options.agreement }),
    telemetrySeconds: options.telemetrySeconds ?? 60,
    signature: { keyId: 'none', ed25519: '' },
  };
}

export function signedDesired(keys: KeyPair, options: DesiredOptions): Desired {
  return sign(desiredFor(options), keys);
}

export function goalFor(digest: Digest): ModelGoal {
  return {
    name: 'model',
    version: 1,
    digest,
    bytes: 1000,
    inputs: [],
    outputs: [],
    sourceQuality: null,
    maxDrop: 0.01,
    objective: 'latency',
    limits: {},
    candidates: [{ v: 1, source: true, bits: 32 }],
  };
}
