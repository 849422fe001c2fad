/** Telemetry windows as aligned columns of numbers for the charts. */
import { quantile } from '../../../shared/histogram.ts';
import type { Window } from '../../../shared/protocol/messages.ts';

type Column = (number | null)[];

export interface Series {
  /** Seconds since 1970, the middle of each window. */
  readonly seconds: readonly number[];
  readonly p50: Column;
  readonly p95: Column;
  readonly rate: Column;
  readonly errorRate: Column;
  readonly memoryMiB: Column;
  readonly cores: Column;
  readonly temperatureC: Column;
  readonly frequencyMHz: Column;
  /** The frequency while the processor was held back. */
  readonly throttledMHz: Column;
  readonly powerW: Column;
  /** By the rail's name; none where there are not several. */
  readonly rails: ReadonlyMap<string, Column>;
  readonly gpuLoad: Column;
  readonly inputDrift: Column;
  readonly outputDrift: Column;
  /** When what is served became another. */
  readonly changes: readonly Change[];
}

export interface Change {
  readonly seconds: number;
  readonly model: string;
  readonly version: number;
  readonly variant: string;
}

/** A pause this many windows long is drawn as a gap. */
const gapWindows = 2.5;

export function seriesOf(windows: readonly Window[]): Series {
  const sorted = [...windows].sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
  const seconds: number[] = [];
  const rows: (Window | null)[] = [];
  for (const window of sorted) {
    const at = Date.parse(window.start) / 1000 + window.seconds / 2;
    const before = seconds.at(-1);
    if (before !== undefined && at - before > gapWindows * window.seconds) {
      seconds.push(before + window.seconds);
      rows.push(null);
    }
    seconds.push(at);
    rows.push(window);
  }
  const column = (value: (window: Window) => number | null): Column =>
    rows.map((window) => (window === null ? null : value(window)));
  const latency = (q: number) =>
    column(({ latencyMs }) => (latencyMs.count === 0 ? null : quantile(latencyMs, q)));
  return {
    seconds,
    p50: latency(0.5),
    p95: latency(0.95),
    rate: column((window) => window.requests / window.seconds),
    errorRate: column((window) => window.errors / window.seconds),
    memoryMiB: column((window) => window.memoryMiB),
    cores: column((window) => window.cores),
    temperatureC: column((window) => window.temperatureC),
    frequencyMHz: column((window) => window.frequencyMHz ?? null),
    throttledMHz: column(({ throttled, frequencyMHz }) =>
      throttled ? (frequencyMHz ?? null) : null,
    ),
    powerW: column((window) => window.powerW ?? null),
    rails: railsOf(sorted, column),
    gpuLoad: column((window) => window.gpuLoad ?? null),
    inputDrift: column((window) => window.inputDrift ?? null),
    outputDrift: column((window) => window.outputDrift ?? null),
    changes: changesOf(sorted),
  };
}

/** More lines than these cannot be told apart: the largest are drawn. */
const railsMax = 4;

function railsOf(
  windows: readonly Window[],
  column: (value: (window: Window) => number | null) => Column,
): Map<string, Column> {
  const most = new Map<string, number>();
  for (const { rails = [] } of windows) {
    for (const { name, watts } of rails) most.set(name, Math.max(watts, most.get(name) ?? 0));
  }
  const largest = [...most].toSorted((a, b) => b[1] - a[1]).slice(0, railsMax);
  const wattsOf = (rail: string) =>
    column(({ rails = [] }) => rails.find(({ name }) => name === rail)?.watts ?? null);
  return new Map(largest.map(([name]) => [name, wattsOf(name)]));
}

function changesOf(sorted: readonly Window[]): Change[] {
  return sorted.flatMap(({ start, model, version, variant }, index) => {
    const before = sorted[index - 1];
    const same = before === undefined || before.variant === variant;
    if (same || model === null || version === null || variant === null) return [];
    return [{ seconds: Date.parse(start) / 1000, model, version, variant }];
  });
}

export function hasValues(column: Column): boolean {
  return column.some((value) => value !== null);
}
