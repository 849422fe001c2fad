import { FettleError } from '../../../shared/errors.ts';

/** A request that can't be understood: what was expected and what came. */
export function wrong(what: string, expected: string, got: string | number): FettleError {
  return new FettleError('BAD_ARGUMENT', { what, expected, got });
}
