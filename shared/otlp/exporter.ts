/**
 * Sends metrics and spans to an OpenTelemetry collector: OTLP over HTTP in its JSON form (OTLP 1.x,
 * section "OTLP/HTTP"). Nothing waits for it; what the collector does not take in time is dropped
 * and counted.
 */
import { reasonOf } from '../errors.ts';
import { httpFor } from '../node-http.ts';
import { agentFor } from '../proxy.ts';
import type { Resource } from './common.ts';
import { type Metric, metricsBody } from './metrics.ts';
import { type Span, spansBody } from './spans.ts';

export interface Exporter {
  /** Keeps a span to be sent; only of traces that their asker keeps. */
  span(span: Span): void;
  /** Spans that were dropped. */
  readonly dropped: number;
  /** Sends what is there a last time. */
  stop(): Promise<void>;
}

export interface ExporterOptions {
  /** `http://host:4318`; the paths of the two signals are added. */
  readonly url: string;
  readonly resource: Resource;
  readonly metrics: () => Promise<readonly Metric[]> | readonly Metric[];
  /** Called once when it begins to fail, and with null when it works again. */
  readonly onTrouble: (reason: string | null) => void;
  readonly everyMs?: number;
}

const limits = {
  everyMs: 10_000,
  /** Spans that wait; a collector that is away costs no more memory than these. */
  waiting: 2048,
  /** Of one message. */
  spans: 512,
  timeoutMs: 10_000,
} as const;

export function openExporter(options: ExporterOptions): Exporter {
  const startMs = Date.now();
  const waiting: Span[] = [];
  let dropped = 0;
  let trouble: string | null = null;
  let last: Promise<void> = Promise.resolve();
  const drop = (count: number) => {
    dropped += count;
  };
  const send = async () => {
    const counted = await sendMetrics(options, startMs);
    const reason = (await sendSpans(options, waiting, drop)) ?? counted;
    if ((reason === null) !== (trouble === null)) options.onTrouble(reason);
    trouble = reason;
  };
  const round = () => {
    last = last.then(send).catch((thrown) => options.onTrouble(reasonOf(thrown)));
    return last;
  };
  const timer = setInterval(round, options.everyMs ?? limits.everyMs);
  timer.unref();
  return {
    span(span) {
      if (waiting.length >= limits.waiting) drop(1);
      else waiting.push(span);
    },
    get dropped() {
      return dropped;
    },
    stop() {
      clearInterval(timer);
      return round();
    },
  };
}

/** Counts go on: what does not arrive is in the next one. */
async function sendMetrics(
  { url, resource, metrics }: ExporterOptions,
  startMs: number,
): Promise<string | null> {
  const body = metricsBody(resource, await metrics(), { startMs, nowMs: Date.now() });
  return (await post(`${base(url)}/v1/metrics`, body)).reason;
}

async function sendSpans(
  { url, resource }: ExporterOptions,
  waiting: Span[],
  drop: (count: number) => void,
): Promise<string | null> {
  while (waiting.length > 0) {
    const some = waiting.slice(0, limits.spans);
    const { reason, again } = await post(`${base(url)}/v1/traces`, spansBody(resource, some));
    if (again) return reason;
    waiting.splice(0, some.length);
    if (reason !== null) {
      drop(some.length);
      return reason;
    }
  }
  return null;
}

function base(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Statuses after which the same may be sent again ("Retryable response codes"). */
const retryable: readonly number[] = [429, 502, 503, 504];

interface Posted {
  /** null where it was taken. */
  readonly reason: string | null;
  readonly again: boolean;
}

function post(url: string, body: string): Promise<Posted> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const signal = AbortSignal.timeout(limits.timeoutMs);
    const request = httpFor(url).request(url, {
      ...{ method: 'POST', headers, signal },
      agent: agentFor(url),
    });
    request.on('response', (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      const taken = statusCode >= 200 && statusCode < 300;
      const reason = taken ? null : `${url} answered ${statusCode}`;
      resolve({ reason, again: retryable.includes(statusCode) });
    });
    request.on('error', (thrown) => {
      const reason = signal.aborted ? `no answer within ${limits.timeoutMs} ms` : reasonOf(thrown);
      resolve({ reason: `${url}: ${reason}`, again: true });
    });
    request.end(body);
  });
}
