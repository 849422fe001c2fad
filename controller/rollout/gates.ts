/**
 * The gates of a rollout, each judged for every hardware class by itself. Pure. A figure of a class
 * is the median over its devices, so that one odd device does not stop a fleet, and a bad version
 * does. What cannot be judged says so: no data is neither a success nor a failure.
 */
import type { GateLimits, Verdict } from '../../shared/protocol/rollouts.ts';
import type { Usage } from '../../shared/protocol/usage.ts';
import { keyOf } from './breach.ts';
import { dataGate, isOverdue, silentClasses } from './data.ts';
import { type Found, figure, limit, median, type Pair, ratio } from './figures.ts';
import { isAdmitted } from './member.ts';
import type { DeviceView, Member, RolloutInput } from './plan.ts';

/** Rises below these are noise whatever the ratio: timers and allocators are no finer. */
const noise = { latencyMs: 1, memoryMiB: 16 } as const;

export function judgeGates(
  rollout: RolloutInput & { readonly nowMs: number },
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): Verdict[] {
  const classes = Map.groupBy(members, (member) => member.class);
  const silent = silentClasses({ ...rollout, members }, devices);
  const judged = [...classes].flatMap(([own, ofClass]) => {
    const group = groupOf(ofClass, devices);
    const overdue = silent.has(own) && isOverdue(rollout, ofClass, rollout.nowMs);
    return judgeClass(rollout.gates, group).map((found) => ({
      ...(overdue && speaksFor(rollout, found) ? missing(found) : found),
      class: own,
    }));
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

function speaksFor(rollout: RolloutInput, { gate, against, state }: Found): boolean {
  return gate === dataGate(rollout) && against === 'baseline' && state === 'no data';
}

/** Silence was waited for long enough. */
function missing(found: Found): Found {
  return { ...found, state: 'breached', reason: `data are required: ${found.reason}` };
}

function failures(rollout: RolloutInput, members: readonly Member[]): Found[] {
  const failed = members.filter(({ state, accepted }) => state === 'failed' && !accepted);
  const given = members.filter(isAdmitted);
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
  readonly live: DeviceView['live'];
  readonly onGolden: DeviceView['onGolden'];
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
    const { usage, ours, otherUsage, live, onGolden } = view;
    if (ours && state !== 'reverted') updated.push({ usage, baseline, golden, live, onGolden });
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

/** Gates that compare one figure with a limit. */
function plain(limits: GateLimits, { updated }: Group): Found[] {
  const values = (of: (one: Updated) => number | null | undefined) =>
    updated.flatMap((one) => of(one) ?? []);
  const hot = values(({ usage }) => usage?.temperatureC);
  const golden = values((one) => one.golden);
  // Where devices are asked something else than was calibrated for, other answers blame no version.
  const drift = values(({ usage }) =>
    (usage?.inputDrift ?? 0) > (limits.outputDrift ?? 1) ? null : usage?.outputDrift,
  );
  const { alike, of } = agreementOf(limits, updated);
  const { temperatureC, goldenAgreement, liveAgreement, outputDrift } = limits;
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
      ...{ gate: 'outputs', threshold: liveAgreement, values: alike, least: true },
      ...{ against: 'baseline', value: median(alike), unit: '' },
      what: (text) => `agreement with the variant before on ${of} ${text}`,
    }),
    ...limit({
      ...{ gate: 'outputs', threshold: outputDrift, values: drift },
      ...{ value: median(drift), unit: '', what: (text) => `drift of outputs ${text}` },
    }),
  ];
}

/** Where too few have asked, the golden inputs of the new variant speak. */
function agreementOf({ minRequests }: GateLimits, updated: readonly Updated[]) {
  const live = updated.flatMap((one) =>
    one.live && one.live.samples >= minRequests ? [one.live.agreement] : [],
  );
  if (live.length > 0) return { alike: live, of: 'live requests' };
  const golden = updated.flatMap(({ onGolden }) => onGolden?.agreement ?? []);
  return { alike: golden, of: golden.length > 0 ? 'golden inputs' : 'live requests' };
}

function sum(updated: readonly Updated[], of: (one: Updated) => number | undefined): number {
  return updated.reduce((total, one) => total + (of(one) ?? 0), 0);
}
