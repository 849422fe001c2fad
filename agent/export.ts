/** What this agent tells an OpenTelemetry collector; loaded only where the settings name one. */
import { reasonOf } from '../shared/errors.ts';
import { resourceOf } from '../shared/otlp/common.ts';
import { type Exporter, openExporter } from '../shared/otlp/exporter.ts';
import type { Metric } from '../shared/otlp/metrics.ts';
import type { Log } from './log.ts';
import type { Row } from './serve/metrics.ts';

export interface ExportOptions {
  readonly url: string;
  readonly device: string;
  readonly log: Log;
  readonly rows: () => readonly Row[];
}

export function startExport({ url, device, log, rows }: ExportOptions): Exporter {
  return openExporter({
    url,
    resource: resourceOf('fettle-agent', device),
    metrics: () => metricsOf(rows()),
    onTrouble(reason) {
      if (reason === null) log('info', 'the collector takes metrics and traces again');
      else log('warn', `the collector does not take them: ${reasonOf(reason)}`);
    },
  });
}

function metricsOf(rows: readonly Row[]): Metric[] {
  const metrics: Metric[] = [];
  for (const [name, type, help, given] of rows) {
    const samples = given.map(([labels, value]) => ({ name, labels, value }));
    const before = metrics.at(-1);
    if (type === '' && before) {
      metrics[metrics.length - 1] = { ...before, samples: [...before.samples, ...samples] };
    } else if (type !== '') metrics.push({ name, help, type, samples });
  }
  return metrics;
}
