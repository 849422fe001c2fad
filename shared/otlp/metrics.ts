/**
 * Metrics as OTLP/JSON (opentelemetry-proto 1.x, metrics/v1/metrics.proto), from series as
 * Prometheus knows them: `name_bucket{le}`, `name{quantile}`, `name_sum` and `name_count` are one.
 */
import { attributesOf, nanoseconds, type Resource, scope } from './common.ts';

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'summary' | 'histogram';
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** With its suffix, where that is not the metric's own name. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** `AggregationTemporality`: counts go on from the start of the process. */
const cumulative = 2;

/** An `ExportMetricsServiceRequest`; times are milliseconds since 1970. */
export function metricsBody(
  resource: Resource,
  metrics: readonly Metric[],
  times: { readonly startMs: number; readonly nowMs: number },
): string {
  const span = {
    startTimeUnixNano: nanoseconds(times.startMs),
    timeUnixNano: nanoseconds(times.nowMs),
  };
  const given = metrics.filter(({ samples }) => samples.length > 0);
  const scopeMetrics = [{ scope: scope(), metrics: given.map((one) => metricOf(one, span)) }];
  return JSON.stringify({ resourceMetrics: [{ resource: resource.body, scopeMetrics }] });
}

type Times = Readonly<Record<'startTimeUnixNano' | 'timeUnixNano', string>>;

function metricOf({ name, help, type, samples }: Metric, times: Times): object {
  // `_total` and units in names are Prometheus' way: what comes from there goes back there.
  const named = {
    name: type === 'counter' ? name.replace(/_total$/, '') : name,
    description: help,
  };
  const numbers = samples.map(({ labels, value }) => ({
    ...times,
    attributes: attributesOf(labels),
    asDouble: double(value),
  }));
  switch (type) {
    case 'counter':
      return {
        ...named,
        sum: { dataPoints: numbers, aggregationTemporality: cumulative, isMonotonic: true },
      };
    case 'gauge':
      return { ...named, gauge: { dataPoints: numbers } };
    case 'summary':
      return { ...named, summary: { dataPoints: groups(name, samples).map(summaryOf(times)) } };
    case 'histogram': {
      const dataPoints = groups(name, samples).map(histogramOf(times));
      return { ...named, histogram: { dataPoints, aggregationTemporality: cumulative } };
    }
  }
}

interface Group {
  readonly labels: Sample['labels'];
  count: number;
  sum: number;
  /** By quantile or by upper bound. */
  readonly parts: { readonly at: number; readonly value: number }[];
}

/** Samples that differ only in `le` or `quantile` are one point. */
function groups(name: string, samples: readonly Sample[]): Group[] {
  const found = new Map<string, Group>();
  for (const sample of samples) {
    const { le, quantile, ...labels } = sample.labels;
    const key = JSON.stringify(Object.entries(labels).toSorted());
    const group = found.get(key) ?? { labels, count: 0, sum: 0, parts: [] };
    found.set(key, group);
    if (sample.name === `${name}_count`) group.count = sample.value;
    else if (sample.name === `${name}_sum`) group.sum = sample.value;
    else group.parts.push({ at: boundOf(le ?? quantile), value: sample.value });
  }
  return [...found.values()];
}

function boundOf(text: string | number | undefined): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
}

/** The JSON of protobuf writes what is no number as text. */
function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function summaryOf(times: Times) {
  return ({ labels, count, sum, parts }: Group) => ({
    ...times,
    attributes: attributesOf(labels),
    count: String(count),
    sum: double(sum),
    quantileValues: parts.map(({ at, value }) => ({ quantile: at, value: double(value) })),
  });
}

/** Prometheus counts up to each bound, OTLP between two of them; the last bucket has no bound. */
function histogramOf(times: Times) {
  return ({ labels, count, sum, parts }: Group) => {
    const bounds = parts.filter(({ at }) => Number.isFinite(at)).sort((a, b) => a.at - b.at);
    const upTo = [...bounds.map(({ value }) => value), count];
    return {
      ...times,
      attributes: attributesOf(labels),
      count: String(count),
      sum: double(sum),
      bucketCounts: upTo.map((value, at) => String(value - (upTo[at - 1] ?? 0))),
      explicitBounds: bounds.map(({ at }) => at),
    };
  };
}
