/**
 * The gates of a rollout, each judged for every hardware class by itself. Pure. A figure of a class
 * is the median over its devices, so that one odd device does not stop a fleet, and a bad version
 * does. What cannot be judged says so: no data is neither a success nor a failure.
 */
import type { GateLimits, Verdict } from '../../shared/protocol/rollouts.ts';
import { keyOf } from './breach.ts';
import type { DeviceView, Member, RolloutInput } from './plan.ts';
import type { Usage } from './usage.ts';

/** Rises below these are noise whatever the ratio: timers and allocators are no finer. */
const noise = { latencyMs: 1, memoryMiB: 16 } as const;

export function judgeGates(
  rollout: RolloutInput,
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): Verdict[] {
  const classes = Map.groupBy(members, (member) => member.class);
  const judged = [...classes].flatMap(([own, ofClass]) => {
    const group = groupOf(ofClass, devices);
    return judgeClass(rollout.gates, group).map((found) => ({ ...found, class: own }));
  });
  const failing =
    rollout.breachScope === 'fleet'
      ? failures(rollout, members).map((found) => ({ ...found, class: null }))
      : [...classes].flatMap(([own, ofClass]) =>
          failures(rollout, ofClass).map((found) => ({ ...found, class: own })),
        );
  const accepted = new Set(rollout.accepted);
  return [...failing, ...judged].map((found) => {
    const named = found.class ? `class ${found.class}: ${found.reason}` : found.reason;
    const verdict: Verdict = { ...found, reason: named };
    const isAccepted = verdict.state === 'breached' && accepted.has(keyOf(verdict));
    return isAccepted ? { ...verdict, state: 'accepted' } : verdict;
  });
}

type Found = Omit<Verdict, 'class'>;

function failures(rollout: RolloutInput, members: readonly Member[]): Found[] {
  const failed = members.filter(({ state, accepted }) => state === 'failed' && !accepted);
  const given = members.filter(({ revision }) => revision !== null);
  const limit = Math.max(1, rollout.maxFailures);
  const [first] = failed;
  const example = first ? `; ${first.device}: ${first.reason}` : '';
  const counted: Found = {
    gate: 'failures',
    against: 'limit',
    value: failed.length,
    threshold: limit,
    samples: given.length,
    state: failed.length >= limit ? 'breached' : 'holds',
    reason: `${failed.length} failed, the limit is ${limit}${example}`,
  };
  const { failurePercent, minDevices } = rollout.gates;
  if (failurePercent === null) return [counted];
  const value = (100 * failed.length) / Math.max(1, given.length);
  const enough = given.length >= minDevices;
  const share: Found = {
    gate: 'failures',
    against: 'control',
    value,
    threshold: failurePercent,
    samples: given.length,
    state: !enough ? 'no data' : value > failurePercent ? 'breached' : 'holds',
    reason: enough
      ? `${figure(value)} % of ${given.length} failed, at most ${failurePercent} %${example}`
      : `no data: ${given.length} of the ${minDevices} devices to judge by`,
  };
  return [counted, share];
}

interface Updated {
  readonly usage: Usage | null;
  readonly baseline: Usage | null;
  readonly golden: number | null;
}

interface Group {
  /** Devices that have the version of this rollout and answer with it. */
  readonly updated: readonly Updated[];
  /** How devices of the class behave that have another version now. */
  readonly control: readonly Usage[];
}

function groupOf(members: readonly Member[], devices: ReadonlyMap<string, DeviceView>): Group {
  const updated: Updated[] = [];
  const control: Usage[] = [];
  for (const { device, state, baseline, golden } of members) {
    const view = devices.get(device);
    if (!view) continue;
    const { usage, ours, otherUsage } = view;
    if (ours && state !== 'reverted') updated.push({ usage, baseline, golden });
    else if (!ours && otherUsage) control.push(otherUsage);
  }
  return { updated, control };
}

function judgeClass(limits: GateLimits, group: Group): Found[] {
  return [
    ...latency(limits, group),
    ...errors(limits, group),
    ...memory(limits, group),
    ...plain(limits, group),
  ];
}

function latency({ latencyRatio, minRequests }: GateLimits, { updated, control }: Group): Found[] {
  if (latencyRatio === null) return [];
  const enough = (usage: Usage | null): usage is Usage => (usage?.requests ?? 0) >= minRequests;
  const judge = (against: 'baseline' | 'control', pairs: Pair[], samples: number): Found =>
    ratio({
      ...{ gate: 'latency', against, pairs, samples, threshold: latencyRatio },
      ...{ what: 'p95', unit: 'ms', noise: noise.latencyMs },
      lacking: `${minRequests} requests`,
    });
  const before = updated.flatMap(({ usage, baseline }) =>
    enough(usage) && enough(baseline) ? [[usage.latencyMsP95, baseline.latencyMsP95] as const] : [],
  );
  const now = updated.flatMap(({ usage }) => (enough(usage) ? [usage.latencyMsP95] : []));
  const others = control.filter(enough).map(({ latencyMsP95 }) => latencyMsP95);
  const beside: Pair[] = now.length > 0 && others.length > 0 ? [[median(now), median(others)]] : [];
  const samples = updated.reduce((sum, { usage }) => sum + (usage?.requests ?? 0), 0);
  return [judge('baseline', before, samples), judge('control', beside, samples)];
}

function errors({ errorRise, minRequests }: GateLimits, { updated }: Group): Found[] {
  if (errorRise === null) return [];
  const requests = sum(updated, ({ usage }) => usage?.requests);
  const before = sum(updated, ({ baseline }) => baseline?.requests);
  const base = sum(updated, ({ baseline }) => baseline?.errors) / Math.max(1, before);
  const common = { gate: 'errors', against: 'baseline', threshold: errorRise } as const;
  if (requests < minRequests) {
    const reason = `no data: ${requests} of the ${minRequests} requests to judge errors by`;
    return [{ ...common, value: null, samples: requests, state: 'no data', reason }];
  }
  const now = sum(updated, ({ usage }) => usage?.errors) / requests;
  const value = now - base;
  const reason =
    `${figure(now * 100)} % of ${requests} requests fail, ${figure(base * 100)} % before; ` +
    `it may rise by ${figure(errorRise * 100)}`;
  const state = value > errorRise ? 'breached' : 'holds';
  return [{ ...common, value, samples: requests, state, reason }];
}

function memory({ memoryRatio }: GateLimits, { updated }: Group): Found[] {
  if (memoryRatio === null) return [];
  const pairs = updated.flatMap(({ usage, baseline }) =>
    usage && baseline ? [[usage.memoryMiB, baseline.memoryMiB] as const] : [],
  );
  return [
    ratio({
      ...{ gate: 'memory', against: 'baseline', pairs, threshold: memoryRatio },
      ...{ what: 'memory', unit: 'MiB', noise: noise.memoryMiB, samples: pairs.length },
      lacking: 'telemetry',
    }),
  ];
}

type Pair = readonly [now: number, before: number];

interface Ratio {
  readonly gate: Found['gate'];
  readonly against: 'baseline' | 'control';
  readonly pairs: readonly Pair[];
  readonly threshold: number;
  readonly samples: number;
  readonly what: string;
  readonly unit: string;
  readonly noise: number;
  readonly lacking: string;
}

function ratio(of: Ratio): Found {
  const { gate, against, pairs, threshold, samples, what, unit } = of;
  const common = { gate, against, threshold, samples };
  if (pairs.length === 0) {
    const whose = against === 'baseline' ? 'before and after' : 'with it and with another version';
    const reason = `no data: no device has ${of.lacking} ${whose}, for ${what}`;
    return { ...common, value: null, state: 'no data', reason };
  }
  const value = median(pairs.map(([now, before]) => now / Math.max(before, 1e-9)));
  const rise = median(pairs.map(([now, before]) => now - before));
  const now = median(pairs.map(([after]) => after));
  const whose = against === 'baseline' ? 'its baseline' : 'devices not updated';
  const times = `${figure(value)} × ${whose}, at most ${threshold} ×`;
  const reason = `${what} ${figure(now)} ${unit} is ${times}`;
  const state = value > threshold && rise > of.noise ? 'breached' : 'holds';
  return { ...common, value, state, reason };
}

/** Gates that compare one figure with a limit. */
function plain(limits: GateLimits, { updated }: Group): Found[] {
  const values = (of: (one: Updated) => number | null | undefined) =>
    updated.flatMap((one) => of(one) ?? []);
  const hot = values(({ usage }) => usage?.temperatureC);
  const golden = values((one) => one.golden);
  const drift = values(({ usage }) => usage?.outputDrift);
  const { temperatureC, goldenAgreement, outputDrift } = limits;
  const agreed = (text: string) => `agreement with golden outputs ${text}`;
  return [
    ...limit({
      ...{ gate: 'temperature', threshold: temperatureC, values: hot },
      ...{ value: Math.max(...hot), unit: '°C', what: (text) => `temperature ${text}` },
    }),
    ...limit({
      ...{ gate: 'golden', threshold: goldenAgreement, values: golden, least: true },
      ...{ value: Math.min(...golden), unit: '', what: agreed },
    }),
    ...limit({
      ...{ gate: 'outputs', threshold: outputDrift, values: drift },
      ...{ value: median(drift), unit: '', what: (text) => `drift of outputs ${text}` },
    }),
  ];
}

function limit(of: {
  readonly gate: Found['gate'];
  readonly threshold: number | null;
  readonly values: readonly number[];
  readonly value: number;
  readonly unit: string;
  readonly what: (text: string) => string;
  readonly least?: boolean;
}): Found[] {
  const { gate, threshold, values, value, unit, what, least = false } = of;
  if (threshold === null) return [];
  const common = { gate, against: 'limit', threshold, samples: values.length } as const;
  if (values.length === 0) {
    const reason = `no data: no device reports ${what('').trim()}`;
    return [{ ...common, value: null, state: 'no data', reason }];
  }
  const breached = least ? value < threshold : value > threshold;
  const bound = `${least ? 'at least' : 'at most'} ${threshold}${unit && ` ${unit}`}`;
  const reason = what(`${figure(value)}${unit && ` ${unit}`}, ${bound}`);
  return [{ ...common, value, state: breached ? 'breached' : 'holds', reason }];
}

function sum(updated: readonly Updated[], of: (one: Updated) => number | undefined): number {
  return updated.reduce((total, one) => total + (of(one) ?? 0), 0);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) return 0;
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
