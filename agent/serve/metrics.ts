/** Prometheus text exposition, version 0.0.4, of what this agent counts. */
import { quantile } from '../../shared/histogram.ts';
import { networkBytes } from '../../shared/network-bytes.ts';
import type { Metric } from '../../shared/otlp/metrics.ts';
import { unservedReasons } from '../../shared/protocol/readings.ts';
import type { Reported } from '../report.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { Spool } from '../telemetry/spool.ts';
import type { LastReadings } from '../telemetry/telemetry.ts';
import type { Server } from './server.ts';

export interface Metered {
  readonly meter: Meter;
  readonly spool: Spool;
  readonly server: Server;
  readonly report: Reported | null;
  /** Of the last telemetry window. */
  readonly readings: LastReadings;
}

/** A row of the type '' goes on with the one before it. */
export type Row = readonly [
  name: string,
  type: Metric['type'] | '',
  help: string,
  samples: readonly Sample[],
];
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

const quantiles = [0.5, 0.95, 0.99] as const;

export function metricsText(metered: Metered): string {
  return metricRows(metered).map(textOf).join('');
}

export function metricRows({ meter, spool, server, report, readings }: Metered): readonly Row[] {
  const total = meter.total();
  const serving = server.active()?.serving;
  const { latencyMs } = total;
  const rows: readonly Row[] = [
    ['fettle_requests_total', 'counter', 'Requests that the variant took.', [[{}, total.requests]]],
    ['fettle_errors_total', 'counter', 'Of them, those that failed.', [[{}, total.errors]]],
    [
      'fettle_unserved_total',
      'counter',
      'Requests without an answer, by no fault of the variant.',
      unservedReasons.map((reason) => [{ reason }, total.unserved[reason] ?? 0]),
    ],
    ['fettle_latency_seconds', 'summary', 'From request to answer.', latencies(latencyMs)],
    ['fettle_latency_seconds_sum', '', '', [[{}, latencyMs.sum / 1000]]],
    ['fettle_latency_seconds_count', '', '', [[{}, latencyMs.count]]],
    ['fettle_pending_runs', 'gauge', 'Runs that wait or run.', [[{}, server.load()]]],
    ['fettle_spool_bytes', 'gauge', 'Telemetry that waits.', [[{}, spool.bytes()]]],
    ['fettle_spool_dropped_total', 'counter', 'Windows lost to the cap.', [[{}, spool.dropped]]],
    [
      'process_resident_memory_bytes',
      'gauge',
      'Resident memory.',
      [[{}, process.memoryUsage.rss()]],
    ],
    ['process_cpu_seconds_total', 'counter', 'Processor time.', [[{}, processorSeconds()]]],
    [
      'fettle_state',
      'gauge',
      'What the agent does.',
      [[{ state: report?.state ?? 'starting' }, 1]],
    ],
    [
      'fettle_serving_info',
      'gauge',
      'The variant that answers.',
      serving
        ? [
            [
              {
                model: serving.model,
                version: String(serving.version),
                recipe: serving.recipeName,
                variant: serving.variant,
              },
              1,
            ],
          ]
        : [],
    ],
  ];
  return [...rows, ...readingRows(readings)];
}

/** What the device cannot read has no row. */
function readingRows(readings: LastReadings): Row[] {
  const { sent, received } = networkBytes();
  const { frequencyMHz, throttled, powerW, diskFreeMiB, temperatureC } = readings;
  const gauges: readonly (readonly [string, string, number | null | undefined])[] = [
    ['queue_peak_runs', 'Most runs that waited in the last window.', readings.queue],
    ['batch_mean_runs', 'Mean runs of a batch in the last window.', readings.batch],
    ['temperature_celsius', 'The hottest sensor.', temperatureC],
    ['frequency_hertz', 'The slowest core.', scaled(frequencyMHz, 1e6)],
    ['throttled', '1 where the processor is held back.', scaled(throttled, 1)],
    ['power_watts', 'What the board draws.', powerW],
    ['gpu_busy_ratio', 'How busy the integrated GPU is, 0 to 1.', readings.gpuLoad],
    ['disk_free_bytes', 'Room for the data.', scaled(diskFreeMiB, 2 ** 20)],
    ['input_drift', 'Inputs against the golden set, 0 to 1.', readings.inputDrift],
    ['output_drift', 'Outputs against the golden set, 0 to 1.', readings.outputDrift],
  ];
  return [
    ['fettle_network_sent_bytes_total', 'counter', 'To controller and broker.', [[{}, sent]]],
    ['fettle_network_received_bytes_total', 'counter', 'From them.', [[{}, received]]],
    ...railRows(readings),
    ...gauges.flatMap(([name, help, value]): Row[] =>
      value == null ? [] : [[`fettle_${name}`, 'gauge', help, [[{}, value]]]],
    ),
  ];
}

function railRows({ rails = [] }: LastReadings): Row[] {
  if (rails.length === 0) return [];
  const samples = rails.map(({ name, watts }): Sample => [{ rail: name }, watts]);
  return [['fettle_rail_watts', 'gauge', 'What each rail draws; rails overlap.', samples]];
}

function scaled(value: number | boolean | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : Number(value) * factor;
}

/** None before the first request: zero would be a latency. */
function latencies(histogram: Parameters<typeof quantile>[0]): Sample[] {
  if (histogram.count === 0) return [];
  return quantiles.map((q) => [{ quantile: String(q) }, quantile(histogram, q) / 1000]);
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function textOf([name, type, help, samples]: Row): string {
  const head = type === '' ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
  });
  return head + lines.join('');
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
