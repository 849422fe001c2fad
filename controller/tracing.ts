/** What this controller tells an OpenTelemetry collector, where the settings name one. */
import { FettleError } from '../shared/errors.ts';
import { resourceOf } from '../shared/otlp/common.ts';
import { type Exporter, openExporter } from '../shared/otlp/exporter.ts';
import type { SpanSink } from '../shared/otlp/tracer.ts';
import type { Metrics } from './metrics.ts';
import type { World } from './world.ts';

export interface Spans {
  readonly send: SpanSink;
  /** From now on they go there. */
  use(exporter: Exporter): void;
}

/** Spans go nowhere until there is an exporter. */
export function createSpans(): Spans {
  let to: Exporter | null = null;
  return {
    send: (span) => to?.span(span),
    use(exporter) {
      to = exporter;
    },
  };
}

/** null where none is wanted. Throws `BAD_SETTING`. */
export function startExport(world: World, metrics: Metrics, url: string): Exporter | null {
  const { otlp } = world.settings;
  if (otlp === null) return null;
  checkCollector(otlp);
  const exporter = openExporter({
    url: otlp,
    resource: resourceOf('fettle-controller', new URL(url).host),
    metrics: metrics.list,
    onTrouble(reason) {
      if (reason === null) world.log.info('the collector takes metrics and traces again');
      else world.log.warn({ reason }, 'the collector does not take metrics and traces');
    },
  });
  world.spans.use(exporter);
  return exporter;
}

/** Throws `BAD_SETTING`. */
function checkCollector(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol === 'http:' || protocol === 'https:') return;
  const expected = 'the address of a collector such as http://localhost:4318';
  throw new FettleError('BAD_SETTING', { setting: '--otlp', expected, got: url });
}
