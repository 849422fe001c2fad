/** Prometheus text exposition, version 0.0.4, of what this agent counts. */
import { quantile } from '../../shared/histogram.ts';
import type { Reported } from '../report.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { Spool } from '../telemetry/spool.ts';
import type { Server } from './server.ts';

export interface Metered {
  readonly meter: Meter;
  readonly spool: Spool;
  readonly server: Server;
  readonly report: Reported | null;
}

type Row = readonly [name: string, type: string, help: string, samples: readonly Sample[]];
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

const quantiles = [0.5, 0.95, 0.99] as const;

export function metricsText({ meter, spool, server, report }: Metered): string {
  const total = meter.total();
  const serving = server.active()?.serving;
  const { latencyMs } = total;
  const rows: readonly Row[] = [
    ['fettle_requests_total', 'counter', 'Inference requests.', [[{}, total.requests]]],
    ['fettle_errors_total', 'counter', 'Requests that failed.', [[{}, total.errors]]],
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
  return rows.map(textOf).join('');
}

function latencies(histogram: Parameters<typeof quantile>[0]): Sample[] {
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
