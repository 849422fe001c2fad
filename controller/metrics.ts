/**
 * Figures of the controller for Prometheus. Devices are counted, not named, so that the page stays
 * small.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Metric, Sample } from '../shared/otlp/metrics.ts';
import type { Ingest } from './ingest.ts';
import type { World } from './world.ts';

export interface Metrics {
  /** The text exposition format, version 0.0.4. */
  text(): Promise<{ type: string; body: string }>;
  /** The same, for OpenTelemetry. */
  list(): Promise<readonly Metric[]>;
}

const help = {
  messages: 'Messages received from devices',
  invalid: 'Messages that were not understood',
  dropped: 'Messages dropped because too many waited',
  windows: 'Telemetry windows stored',
  duplicates: 'Telemetry windows that had been stored before',
  batches: 'Transactions in which messages were stored',
  failures: 'Transactions that failed; devices send again what was in them',
  unstored: 'Messages that could not be stored and were set aside; the log holds them',
} as const satisfies Record<keyof Ingest['counters'], string>;

/** Gauges of the library that end in `_total`, which is for counters; it has each by kind too. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export function createMetrics(world: World, ingest: Ingest): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const registers = [registry];
  const { fleet, live } = world;
  new Gauge({
    name: 'fettle_devices',
    help: 'Devices of the fleet by what they report and whether they are online',
    labelNames: ['state', 'online'],
    registers,
    collect() {
      this.reset();
      for (const { reported, online } of fleet.devices.values()) {
        this.inc({ state: reported?.state ?? 'unknown', online: String(online) });
      }
    },
  });
  new Gauge({
    name: 'fettle_event_streams',
    help: 'Open streams of live events',
    registers,
    collect() {
      this.set(live.watchers);
    },
  });
  for (const [name, text] of Object.entries(help)) {
    new Counter({
      name: `fettle_ingest_${name}_total`,
      help: text,
      registers,
      collect() {
        const value = Object.entries(ingest.counters).find(([counter]) => counter === name)?.[1];
        this.reset();
        this.inc(value ?? 0);
      },
    });
  }
  return {
    async text() {
      return { type: registry.contentType, body: await registry.metrics() };
    },
    list: async () => (await registry.getMetricsAsJSON()).flatMap(metricOf),
  };
}

type Listed = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

function metricOf({ name, help, type, values }: Listed): Metric[] {
  // The library's types say numbers, its documents hold the names.
  const kind = metricTypes.find((one) => one === String(type));
  if (!kind) return [];
  const samples = values.map((given): Sample => {
    const labels = Object.entries(given.labels).flatMap(([label, value]) =>
      value === undefined ? [] : [[label, value] as const],
    );
    const own = 'metricName' in given ? String(given.metricName ?? name) : name;
    return { name: own, labels: Object.fromEntries(labels), value: given.value };
  });
  return [{ name, help, type: kind, samples }];
}

const metricTypes = ['counter', 'gauge', 'summary', 'histogram'] as const;
