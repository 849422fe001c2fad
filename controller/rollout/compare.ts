/**
 * A version of a model against one that it replaces: which versions those are, what can be
 * compared, and whether it falls further than its package allows. Pure.
 */
import { FettleError } from '../../shared/errors.ts';
import { metrics } from '../../shared/evaluate/manifest.ts';
import { metricTable } from '../../shared/evaluate/metrics.ts';
import { sayDrop, sayLoss, sayValue } from '../../shared/evaluate/quality-budget.ts';
import type { VersionsMeasured } from '../../shared/evaluate/versions.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { VersionComparison } from '../../shared/protocol/comparisons.ts';
import type { Quality } from '../../shared/protocol/tuning.ts';
import type { Device } from '../fleet.ts';

/** What running both on one data set gave, or how it stands. */
export type Pair =
  | { readonly state: 'measuring' }
  | { readonly state: 'ready'; readonly measured: VersionsMeasured }
  | { readonly state: 'failed'; readonly reason: string };

type Version = Pick<ModelRecord, 'name' | 'version' | 'state' | 'evaluation' | 'quality'>;

/** Whether both qualities are of one metric on one data set, so that nothing need be run. */
export function comparesDirectly(next: Version, before: Version): boolean {
  const [own, other] = [next.quality, before.quality];
  if (own === null || other === null || next.evaluation !== before.evaluation) return false;
  return own.metric === other.metric && isAbsolute(own.metric);
}

/** Why running both gives nothing; null where it may. */
export function obstacleOf(next: Version, before: Version): string | null {
  if (next.evaluation === null) return `version ${next.version} has no evaluation data`;
  if (next.quality === null) return `version ${next.version} is not measured`;
  if (before.state === 'failed') return `version ${before.version} could not be measured`;
  return null;
}

/** Others are against a version's own source, so that each version is perfect by them. */
function isAbsolute(name: string): boolean {
  const metric = metrics.find((one) => one === name);
  return metric !== undefined && metricTable[metric].reference === 'none';
}

export interface Comparing {
  readonly next: Version;
  readonly before: Version;
  /** null where both were never run on one data set. */
  readonly pair: Pair | null;
  /** How far the value may fall. */
  readonly maxDrop: number;
  /** The least share of samples that both answer alike; null asks for none. */
  readonly least: number | null;
  /** Of what takes over; that of the version itself where a variant is not meant. */
  readonly quality?: Quality | null;
  readonly devices?: number;
}

export function judgeVersions(comparing: Comparing): VersionComparison {
  const { next, before, pair, devices = 0 } = comparing;
  const base = {
    ...{ version: next.version, against: before.version, devices, metric: null },
    ...{ before: null, after: null, agreement: null, samples: null, limit: null },
  };
  const nothing = (why: string): VersionComparison => {
    const reason = `nothing can be compared with version ${before.version}: ${why}`;
    return { ...base, state: 'unknown', basis: 'nothing', reason };
  };
  if (comparesDirectly(next, before)) {
    const { value = 0, samples = 0 } = before.quality ?? {};
    return judgeQualities(comparing, base, { before: value, samples, agreement: null });
  }
  const obstacle = obstacleOf(next, before);
  if (obstacle !== null) return nothing(obstacle);
  if (pair === null) return nothing('both were never run on one data set');
  if (pair.state === 'failed') return nothing(pair.reason);
  if (pair.state === 'measuring') {
    const reason = `is being compared with version ${before.version}`;
    return { ...base, state: 'measuring', basis: 'nothing', reason };
  }
  const { measured } = pair;
  if (measured.before !== null) {
    return judgeQualities(comparing, base, { ...measured, before: measured.before });
  }
  if (measured.agreement === null) return nothing('their outputs have other shapes');
  return judgeAgreement(comparing, base, { ...measured, agreement: measured.agreement });
}

type Base = Omit<VersionComparison, 'state' | 'basis' | 'reason'>;

interface Qualities {
  readonly before: number;
  readonly samples: number;
  readonly agreement: number | null;
}

/** Rounding of a sum of shares is no fall. */
const tolerance = 1e-9;

function judgeQualities(
  { next, maxDrop, quality = next.quality, before: { version: against } }: Comparing,
  base: Base,
  { before, samples, agreement }: Qualities,
): VersionComparison {
  const { metric = 'top1', value: after = 0 } = quality ?? {};
  const drop = before - after;
  const [own, other] = [sayValue({ metric }, after), sayValue({ metric }, before)];
  const reason =
    `${metric} is ${own} on ${samples} samples, ${other} with version ${against}: ` +
    `${sayLoss({ metric }, drop)}, ${sayDrop({ metric }, maxDrop)} allowed`;
  return {
    ...base,
    state: drop > maxDrop + tolerance ? 'falls' : 'holds',
    basis: 'quality',
    ...{ metric, before, after, agreement, samples, limit: maxDrop, reason },
  };
}

function judgeAgreement(
  { next, least, before: { version: against } }: Comparing,
  base: Base,
  { agreement, samples }: { readonly agreement: number; readonly samples: number },
): VersionComparison {
  const share = (value: number) => sayValue({ metric: 'agreement' }, value);
  const asked = least === null ? 'none asked for' : `at least ${share(least)} expected`;
  const same = `answers ${share(agreement)} of ${samples} samples as version ${against} does`;
  const reason = `${same}, ${asked}`;
  const falls = least !== null && agreement < least - tolerance;
  return {
    ...base,
    state: falls ? 'falls' : 'holds',
    basis: 'agreement',
    ...{ metric: next.quality?.metric ?? null, agreement, samples, limit: least, reason },
  };
}

/** Throws `VERSION_WORSE` for a fall, `COMPARISON_PENDING` for what is not known yet. */
export function requireNoFall(
  { name, version }: Pick<ModelRecord, 'name' | 'version'>,
  comparisons: readonly VersionComparison[],
): void {
  const named = { model: name, version };
  const worse = comparisons.find(({ state }) => state === 'falls');
  if (worse) throw new FettleError('VERSION_WORSE', { ...named, reason: worse.reason });
  const pending = comparisons.find(({ state }) => state === 'measuring');
  if (!pending) return;
  throw new FettleError('COMPARISON_PENDING', { ...named, against: pending.against });
}

/** More versions than this at once are not compared: the rarest are left out. */
const replacedMax = 8;

/** A version that is replaced, and how many devices serve it. */
export interface Replaced {
  readonly version: number;
  readonly devices: number;
}

/**
 * What the devices serve of the model now, the most served first; where they serve none of it, the
 * newest version before. None where there is none.
 */
export function replacedBy(
  next: Pick<ModelRecord, 'name' | 'version'>,
  devices: Iterable<Pick<Device, 'reported'>>,
  versions: readonly Pick<ModelRecord, 'version' | 'state'>[],
): readonly Replaced[] {
  const served = new Map<number, number>();
  for (const { reported } of devices) {
    const serving = reported?.serving;
    if (serving?.model !== next.name || serving.version === next.version) continue;
    served.set(serving.version, (served.get(serving.version) ?? 0) + 1);
  }
  const known = new Set(versions.map(({ version }) => version));
  const found = [...served]
    .map(([version, count]) => ({ version, devices: count }))
    .filter(({ version }) => known.has(version))
    .sort((a, b) => b.devices - a.devices || b.version - a.version);
  if (found.length > 0) return found.slice(0, replacedMax);
  const earlier = versions
    .filter(({ version, state }) => version < next.version && state === 'ready')
    .map(({ version }) => version);
  return earlier.length === 0 ? [] : [{ version: Math.max(...earlier), devices: 0 }];
}
