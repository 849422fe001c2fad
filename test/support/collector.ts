/**
 * An OpenTelemetry collector: takes OTLP over HTTP in JSON, and nothing that the specification does
 * not have (opentelemetry-proto 1.x with the JSON mapping of OTLP: members in camel case, ids in
 * hexadecimal, 64-bit integers as strings, enums as numbers).
 */
import { createServer, type IncomingMessage } from 'node:http';
import * as v from 'valibot';
import type { Owner } from './owner.ts';

const Integer = v.pipe(v.string(), v.regex(/^-?\d+$/));
const Unsigned = v.pipe(v.string(), v.regex(/^\d+$/));
const Double = v.union([v.number(), v.picklist(['NaN', 'Infinity', '-Infinity'])]);
const Attributes = v.array(
  v.strictObject({
    key: v.pipe(v.string(), v.minLength(1)),
    value: v.union([
      v.strictObject({ stringValue: v.string() }),
      v.strictObject({ boolValue: v.boolean() }),
      v.strictObject({ intValue: Integer }),
      v.strictObject({ doubleValue: Double }),
    ]),
  }),
);
const Resource = v.strictObject({ attributes: Attributes });
const Scope = v.strictObject({ name: v.string(), version: v.string() });
const times = { startTimeUnixNano: Unsigned, timeUnixNano: Unsigned, attributes: Attributes };

const Span = v.pipe(
  v.strictObject({
    traceId: v.pipe(v.string(), v.regex(/^[\da-f]{32}$/)),
    spanId: v.pipe(v.string(), v.regex(/^[\da-f]{16}$/)),
    parentSpanId: v.optional(v.pipe(v.string(), v.regex(/^[\da-f]{16}$/))),
    name: v.pipe(v.string(), v.minLength(1)),
    kind: v.picklist([0, 1, 2, 3, 4, 5]),
    startTimeUnixNano: Unsigned,
    endTimeUnixNano: Unsigned,
    attributes: Attributes,
    status: v.optional(v.strictObject({ code: v.picklist([0, 1, 2]), message: v.string() })),
  }),
  v.check(
    ({ startTimeUnixNano, endTimeUnixNano }) =>
      BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano),
    'a span that ends before it begins',
  ),
);
export type ReceivedSpan = v.InferOutput<typeof Span>;

const Traces = v.strictObject({
  resourceSpans: v.array(
    v.strictObject({
      resource: Resource,
      scopeSpans: v.array(v.strictObject({ scope: Scope, spans: v.array(Span) })),
    }),
  ),
});

const Numbers = v.array(v.strictObject({ ...times, asDouble: Double }));
const named = {
  name: v.pipe(v.string(), v.regex(/^[a-zA-Z][\w./-]{0,254}$/)),
  description: v.string(),
};
const Quantile = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const Metric = v.union([
  v.strictObject({ ...named, gauge: v.strictObject({ dataPoints: Numbers }) }),
  v.strictObject({
    ...named,
    sum: v.strictObject({
      dataPoints: Numbers,
      aggregationTemporality: v.literal(2),
      isMonotonic: v.boolean(),
    }),
  }),
  v.strictObject({
    ...named,
    summary: v.strictObject({
      dataPoints: v.array(
        v.strictObject({
          ...times,
          count: Unsigned,
          sum: Double,
          quantileValues: v.array(v.strictObject({ quantile: Quantile, value: Double })),
        }),
      ),
    }),
  }),
  v.strictObject({
    ...named,
    histogram: v.strictObject({
      aggregationTemporality: v.literal(2),
      dataPoints: v.array(
        v.pipe(
          v.strictObject({
            ...times,
            count: Unsigned,
            sum: Double,
            bucketCounts: v.array(Unsigned),
            explicitBounds: v.array(v.number()),
          }),
          v.check(
            ({ count, bucketCounts, explicitBounds: { length } }) =>
              bucketCounts.length === length + 1 &&
              bucketCounts.reduce((sum, one) => sum + Number(one), 0) === Number(count),
            'buckets that are not the count, or not one more than the bounds',
          ),
        ),
      ),
    }),
  }),
]);
export type ReceivedMetric = v.InferOutput<typeof Metric>;

const Metrics = v.strictObject({
  resourceMetrics: v.array(
    v.strictObject({
      resource: Resource,
      scopeMetrics: v.array(v.strictObject({ scope: Scope, metrics: v.array(Metric) })),
    }),
  ),
});

export interface Collector {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** The newest of each name. */
  readonly metrics: ReadonlyMap<string, ReceivedMetric>;
  /** What was wrong with what came. */
  readonly faults: readonly string[];
  /** What it answers from now on; 200 takes what comes. */
  status: number;
}

/** It is stopped after the test. */
export async function startCollector(t: Owner): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const metrics = new Map<string, ReceivedMetric>();
  const faults: string[] = [];
  const take = (path: string, body: unknown) => {
    if (path === '/v1/traces') {
      const { resourceSpans } = v.parse(Traces, body);
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
    } else if (path === '/v1/metrics') {
      const { resourceMetrics } = v.parse(Metrics, body);
      for (const { scopeMetrics } of resourceMetrics) {
        for (const scope of scopeMetrics)
          for (const one of scope.metrics) metrics.set(one.name, one);
      }
    } else throw new Error(`no such path: ${path}`);
  };
  const collector = { url: '', spans, metrics, faults, status: 200 };
  const server = createServer(async (request, response) => {
    const text = await read(request);
    if (collector.status !== 200) return response.writeHead(collector.status).end();
    try {
      if (request.headers['content-type'] !== 'application/json') throw new Error('not JSON');
      take(request.url ?? '', JSON.parse(text));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    } catch (thrown) {
      faults.push(v.isValiError(thrown) ? JSON.stringify(v.flatten(thrown.issues)) : `${thrown}`);
      response.writeHead(400).end();
    }
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return Object.assign(collector, { url: `http://127.0.0.1:${port}` });
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}
