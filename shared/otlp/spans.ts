/** Spans as OTLP/JSON (opentelemetry-proto 1.x, trace/v1/trace.proto, in its JSON mapping). */
import type { TraceContext } from '../trace-context.ts';
import { type Attributes, attributesOf, nanoseconds, type Resource, scope } from './common.ts';

export interface Span {
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly context: TraceContext;
  readonly parentSpanId: string | null;
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed; null where it did not. */
  readonly error: string | null;
}

/** `Span.SpanKind`. */
const kinds = { internal: 1, server: 2 } as const;
/** `Status.StatusCode`. */
const statusError = 2;

/** An `ExportTraceServiceRequest`. */
export function spansBody(resource: Resource, spans: readonly Span[]): string {
  const scopeSpans = [{ scope: scope(), spans: spans.map(spanOf) }];
  return JSON.stringify({ resourceSpans: [{ resource: resource.body, scopeSpans }] });
}

function spanOf({ name, kind, context, parentSpanId, startMs, endMs, attributes, error }: Span) {
  return {
    // Ids are hexadecimal here, unlike other bytes in the JSON of protobuf.
    traceId: context.traceId,
    spanId: context.spanId,
    ...(parentSpanId !== null && { parentSpanId }),
    name,
    kind: kinds[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(attributes),
    ...(error !== null && { status: { code: statusError, message: error } }),
  };
}
