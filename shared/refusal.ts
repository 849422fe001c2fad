/**
 * What a controller refused, thrown here by its own code. Words of something between, a proxy's
 * page say, are not taken for the controller's.
 */
import * as v from 'valibot';
import { errorTable, FettleError } from './errors.ts';
import { Problem } from './protocol/api.ts';

export interface Answer {
  readonly status: number;
  /** The JSON that came; null where it is none. */
  readonly body: unknown;
  /** The answer's `Content-Type`. */
  readonly type: string | null;
}

const Details = v.object({ details: v.record(v.string(), v.union([v.string(), v.number()])) });

/** The error of an answer with a status of 400 or more. */
export function refusalOf(url: string, answer: Answer): FettleError {
  const problem = v.safeParse(Problem, answer.body);
  if (!problem.success) return strangerError(url, answer);
  const { code, detail } = problem.output;
  const details = v.safeParse(Details, answer.body);
  if (isCode(code)) {
    return new FettleError(code, details.success ? details.output.details : { reason: detail });
  }
  return new FettleError('MESSAGE_INVALID', { topic: url, reason: `${detail} (${code})` });
}

/** Where something else than the controller has answered. */
export function strangerError(url: string, { status, type }: Answer): FettleError {
  const [media = 'nothing'] = (type ?? '').split(';').filter(Boolean);
  const what = `${status} with ${media}`;
  const reason = `something between here and there answered ${what}: a proxy or a login page?`;
  return new FettleError('CONTROLLER_UNREACHABLE', { url, reason });
}

function isCode(text: string): text is keyof typeof errorTable {
  return Object.hasOwn(errorTable, text);
}
