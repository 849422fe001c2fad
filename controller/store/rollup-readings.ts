/** The optional members of two telemetry windows as those of one. Pure. */
import type { Window } from '../../shared/protocol/messages.ts';
import { addUnserved, type Readings } from '../../shared/protocol/readings.ts';

/** What neither window has is absent; what one has is kept as it is. */
export function mergeReadings(a: Window, b: Window): Readings {
  const queue = either(a.queue, b.queue, Math.max);
  const unserved = either(a.unserved, b.unserved, addUnserved);
  const batch = either(a.batch, b.batch, mean(a.requests, b.requests));
  const byTime = mean(a.seconds, b.seconds);
  const frequencyMHz = either(a.frequencyMHz, b.frequencyMHz, byTime);
  const powerW = either(a.powerW, b.powerW, byTime);
  const rails = either(a.rails, b.rails, (one, other) => mergeRails(one, other, byTime));
  const gpuLoad = either(a.gpuLoad, b.gpuLoad, byTime);
  const throttled = either(a.throttled, b.throttled, (one, other) => one || other);
  const diskFreeMiB = either(a.diskFreeMiB, b.diskFreeMiB, Math.min);
  const networkBytes = either(a.networkBytes, b.networkBytes, (one, other) => ({
    sent: one.sent + other.sent,
    received: one.received + other.received,
  }));
  const inputDrift = either(a.inputDrift, b.inputDrift, Math.max);
  const outputDrift = either(a.outputDrift, b.outputDrift, Math.max);
  return {
    ...(queue !== null && { queue }),
    ...(unserved !== null && { unserved }),
    ...(batch !== null && { batch }),
    ...(frequencyMHz !== null && { frequencyMHz }),
    ...(powerW !== null && { powerW }),
    ...(rails !== null && { rails }),
    ...(gpuLoad !== null && { gpuLoad }),
    ...(throttled !== null && { throttled }),
    ...(diskFreeMiB !== null && { diskFreeMiB }),
    ...(networkBytes !== null && { networkBytes }),
    ...(inputDrift !== null && { inputDrift }),
    ...(outputDrift !== null && { outputDrift }),
  };
}

type Rails = NonNullable<Readings['rails']>;

/** Each rail by its name; one that only one window has is kept as it is. */
function mergeRails(a: Rails, b: Rails, mean: (a: number, b: number) => number): Rails {
  const others = new Map(b.map(({ name, watts }) => [name, watts]));
  const merged = a.map(({ name, watts }) => ({
    name,
    watts: either(watts, others.get(name), mean) ?? watts,
  }));
  const known = new Set(a.map(({ name }) => name));
  return [...merged, ...b.filter(({ name }) => !known.has(name))];
}

function either<T>(
  a: T | null | undefined,
  b: T | null | undefined,
  both: (a: T, b: T) => T,
): T | null {
  if (a == null) return b ?? null;
  return b == null ? a : both(a, b);
}

function mean(weightOfA: number, weightOfB: number): (a: number, b: number) => number {
  const whole = weightOfA + weightOfB;
  return (a, b) => (whole > 0 ? (a * weightOfA + b * weightOfB) / whole : a);
}
