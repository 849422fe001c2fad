/** The part of a trace that an inference request is: the request, its runs' waits, its runs. */
import type { SpanSink } from '../../shared/otlp/tracer.ts';
import { pastSpan, startSpan } from '../../shared/otlp/tracer.ts';
import { parseTraceparent, traceparentOf } from '../../shared/trace-context.ts';
import type { RunMarks } from './job.ts';

export interface FollowedRequest {
  /** The context of its span, as it goes back to whoever asked. */
  readonly response: string;
  /** A run of it is about to wait. */
  readonly follow: (() => RunMarks) | null;
  /** It was answered, or failed for this reason. */
  end(error?: string | null): void;
}

/** Runs of one request that get spans of their own. */
const runsMax = 32;

/** null where whoever asks follows no trace. */
export function followRequest(
  sink: SpanSink | null,
  { traceparent, model, transport }: { traceparent: unknown; model: string; transport: string },
): FollowedRequest | null {
  const parent = parseTraceparent(traceparent);
  if (!parent) return null;
  const attributes = { 'fettle.model': model, 'network.protocol.name': transport };
  const span = startSpan(sink, { name: `infer ${model}`, kind: 'server', parent, attributes });
  const runs: (RunMarks & { readonly queuedMs: number })[] = [];
  const follow = () => {
    const run = { queuedMs: performance.now(), startedMs: null, endedMs: null };
    if (runs.length < runsMax) runs.push(run);
    return run;
  };
  return {
    response: traceparentOf(span.context),
    follow: sink && parent.sampled ? follow : null,
    end(error = null) {
      for (const { queuedMs, startedMs, endedMs } of runs) {
        const to = { parent: span.context };
        const began = startedMs ?? performance.now();
        pastSpan(sink, { ...to, name: 'queue', startMs: queuedMs, endMs: began });
        if (startedMs === null) continue;
        const ended = endedMs ?? performance.now();
        pastSpan(sink, { ...to, name: 'inference', startMs: startedMs, endMs: ended });
      }
      span.end(error, { 'fettle.runs': runs.length });
    },
  };
}
