/** The terms of a new rollout: what was asked for, and what holds where nothing was said. */
import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import { GateLimits, type RolloutRequest } from '../../shared/protocol/rollouts.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import { instant } from '../world.ts';
import { isTimeZone } from './maintenance.ts';
import { parseSelector } from './selector.ts';
import { defaultWaves, normalWaves } from './waves.ts';

const defaults = {
  soakSeconds: 30,
  timeoutSeconds: 900,
  maxFailures: 1,
  tuningBudgetSeconds: 60,
  scouts: 1,
  minHealthyPercent: 0,
  watchSeconds: 3600,
  onBreach: 'pause',
  breachScope: 'fleet',
  offline: 'skip',
} as const;

export interface Beginning {
  readonly order: number;
  readonly nowMs: number;
  /** What the version is against those that it replaces. */
  readonly comparisons?: StoredRollout['comparisons'];
  readonly notes?: readonly string[];
}

/** Throws `BAD_ARGUMENT`. */
export function newRollout(
  request: RolloutRequest,
  { name, version }: Pick<ModelRecord, 'name' | 'version'>,
  { order, nowMs, comparisons = [], notes = [] }: Beginning,
): StoredRollout {
  parseSelector(request.selector ?? '');
  const { maintenance } = request;
  if (maintenance && !isTimeZone(maintenance.timeZone)) {
    const expected = 'an IANA name such as Europe/Berlin';
    const got = maintenance.timeZone;
    throw new FettleError('BAD_ARGUMENT', { what: 'time zone', expected, got });
  }
  // Who starts it knowing that it answers otherwise does not want it stopped for that.
  const unheld = comparisons.some(({ state }) => state === 'falls' || state === 'measuring');
  const forced = request.force === true && unheld;
  const { waves, selector = '', gates = {}, maxFailures = defaults.maxFailures } = request;
  return {
    id: `${name}-${version}-${randomBytes(3).toString('hex')}`,
    ...{ order, model: name, version, selector },
    waves: [...normalWaves(waves ?? defaultWaves)],
    wave: 1,
    ...{ state: 'running', reason: 'begins', waitsFor: null, since: instant(nowMs) },
    soakSeconds: request.soakSeconds ?? defaults.soakSeconds,
    timeoutSeconds: request.timeoutSeconds ?? defaults.timeoutSeconds,
    maxFailures: Math.max(1, maxFailures),
    tuningBudgetSeconds: request.tuningBudgetSeconds ?? defaults.tuningBudgetSeconds,
    scouts: request.scouts ?? defaults.scouts,
    maxConcurrent: request.maxConcurrent ?? null,
    minHealthyPercent: request.minHealthyPercent ?? defaults.minHealthyPercent,
    watchSeconds: request.watchSeconds ?? defaults.watchSeconds,
    maintenance: maintenance ?? null,
    gates: { ...v.parse(GateLimits, gates), ...(forced ? { liveAgreement: null } : {}) },
    onBreach: request.onBreach ?? defaults.onBreach,
    breachScope: request.breachScope ?? defaults.breachScope,
    ...{ comparisons: [...comparisons], forced },
    requireData: request.requireData ?? false,
    offline: request.offline ?? defaults.offline,
    ...{ approvedWave: 0, accepted: [], reverting: false, stops: [], breach: null },
    notes: [...notes],
    createdAt: instant(nowMs),
    endedAt: null,
    traceparent: null,
  };
}
