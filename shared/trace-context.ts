/** W3C Trace Context, level 1: who asked, in 55 characters that travel with what was asked. */
import { randomBytes } from 'node:crypto';

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whoever asked keeps the trace; others keep their part of it only then. */
  readonly sampled: boolean;
}

/**
 * Section 3.2: `version-traceid-parentid-flags`. null for none and for what must be ignored:
 * anything malformed, ids of zeros, version ff. A later version may go on after the flags.
 */
export function parseTraceparent(text: unknown): TraceContext | null {
  if (typeof text !== 'string' || text.length > 512) return null;
  const match = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(text.trim());
  const [, version, traceId = '', spanId = '', flags = '', rest] = match ?? [];
  if (!match || version === 'ff' || (version === '00' && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function traceparentOf({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** A new span of the same trace. */
export function childOf({ traceId, sampled }: TraceContext): TraceContext {
  return { traceId, spanId: randomBytes(8).toString('hex'), sampled };
}
