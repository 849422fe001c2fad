/**
 * What became of a request, and whether that says anything of the variant: only what the runtime or
 * its thread says does. Pure.
 */
import { type ErrorCode, FettleError } from '../../shared/errors.ts';
import type { UnservedReason } from '../../shared/protocol/readings.ts';

export type Outcome = 'answered' | 'failed' | UnservedReason;

const outcomes: Partial<Record<ErrorCode, Outcome>> = {
  SERVE_FAILED: 'failed',
  TIMEOUT: 'failed',
  BUSY: 'refused',
  DEADLINE_PASSED: 'expired',
  CANCELLED: 'cancelled',
  INTERNAL: 'internal',
};

export function outcomeOf(thrown: unknown): Outcome {
  if (!(thrown instanceof FettleError)) return 'internal';
  return outcomes[thrown.code] ?? 'invalid';
}

export function busy(reason: string): FettleError {
  return new FettleError('BUSY', { what: 'inference', reason });
}
