/** Spans as they are made: part of a trace that somebody else began, and kept where that one is. */
import { childOf, type TraceContext } from '../trace-context.ts';
import type { Attributes } from './common.ts';
import type { Span } from './spans.ts';

export type SpanSink = (span: Span) => void;

export interface Started {
  readonly context: TraceContext;
  /** Milliseconds by `performance.now()`. */
  readonly startMs: number;
  /** It went well, or failed for this reason. */
  end(error?: string | null, attributes?: Attributes): void;
}

export interface SpanStart {
  readonly name: string;
  readonly kind?: Span['kind'];
  readonly parent: TraceContext;
  readonly attributes?: Attributes;
}

export function startSpan(sink: SpanSink | null, given: SpanStart): Started {
  const context = childOf(given.parent);
  const startMs = performance.now();
  return {
    context,
    startMs,
    end(error = null, attributes = {}) {
      if (!sink || !context.sampled) return;
      const { name, kind = 'internal', parent } = given;
      sink({
        ...{ name, kind, context, parentSpanId: parent.spanId, error },
        startMs: epochMs(startMs),
        endMs: epochMs(performance.now()),
        attributes: { ...given.attributes, ...attributes },
      });
    },
  };
}

/** What lies behind: between two moments by `performance.now()`. */
export function pastSpan(
  sink: SpanSink | null,
  { startMs, endMs, ...given }: SpanStart & { readonly startMs: number; readonly endMs: number },
): void {
  const context = childOf(given.parent);
  if (!sink || !context.sampled) return;
  const { name, kind = 'internal', parent, attributes = {} } = given;
  sink({
    ...{ name, kind, context, parentSpanId: parent.spanId, attributes, error: null },
    startMs: epochMs(startMs),
    endMs: epochMs(endMs),
  });
}

function epochMs(ms: number): number {
  return performance.timeOrigin + ms;
}
