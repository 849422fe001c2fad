/** Errors over HTTP: RFC 9457 problem details that carry the product's code, hint and details. */
import { encodingFault } from '../../shared/content-encoding.ts';
import { type ErrorCode, FettleError, reasonOf } from '../../shared/errors.ts';
import type { Problem } from '../../shared/protocol/api.ts';

/** The largest JSON body; files go another way. */
export const bodyBytesMax = 4 << 20;

/** Codes with a status of their own; the others are the sender's fault, 400. */
const statuses = {
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  ENROLMENT_REFUSED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  NEEDED: 409,
  VERSION_WORSE: 409,
  COMPARISON_PENDING: 409,
  NAME_TAKEN: 409,
  TOO_LARGE: 413,
  ENCODING_UNSUPPORTED: 415,
  PACKAGE_INVALID: 422,
  ONNX_INVALID: 422,
  ONNX_UNSUPPORTED: 422,
  ONNX_EXTERNAL_DATA: 422,
  MODEL_UNRUNNABLE: 422,
  NPZ_INVALID: 422,
  DATA_MISMATCH: 422,
  METRIC_IMPOSSIBLE: 422,
  RECIPE_INVALID: 422,
  INTERNAL: 500,
  NOT_FINITE: 500,
  FILE_UNREADABLE: 500,
  BROKER_REFUSED: 503,
  TIMEOUT: 504,
  DISK_FULL: 507,
} as const satisfies Partial<Record<ErrorCode, number>>;

/**
 * Any thrown value as a problem; what is not ours says nothing of the inside but its first line.
 */
export function problemOf(thrown: unknown): Problem & { details: Record<string, unknown> } {
  const error = thrown instanceof FettleError ? thrown : fromFramework(thrown);
  const known: Partial<Record<ErrorCode, number>> = statuses;
  return {
    type: `urn:fettle:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: error.code.toLowerCase().replaceAll('_', ' '),
    status: known[error.code] ?? 400,
    detail: error.message,
    code: error.code,
    hint: error.hint,
    retryable: error.retryable,
    details: { ...error.details },
  };
}

/** Fastify's own refusals (a body that is not JSON, one that is too large) carry a status. */
function fromFramework(thrown: unknown): FettleError {
  const status =
    thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  const fault = encodingFault(thrown);
  if (fault) return fault;
  const reason = reasonOf(thrown);
  if (status === 413) {
    return new FettleError('TOO_LARGE', { what: 'request body', got: 'more', limit: bodyBytesMax });
  }
  if (status >= 500) return new FettleError('INTERNAL', { reason }, { cause: thrown });
  return new FettleError('BAD_ARGUMENT', { what: 'request', expected: 'valid HTTP', got: reason });
}
