/** How a command ends, as programs see it: one table for all of them. */
import type { ErrorCode } from '../shared/errors.ts';

export const exitTable = {
  done: { code: 0, means: 'what was asked for has come about' },
  failed: { code: 1, means: 'an error, whose code is on standard error' },
  usage: { code: 2, means: 'the command line was wrong' },
  unfit: {
    code: 3,
    means:
      'it was tried, and is not good enough: a version that cannot be measured or is worse than ' +
      'what it replaces, a variant that cannot be built, no variant that fits, a rollout that no ' +
      'device serves',
  },
  rolledBack: { code: 4, means: 'a rollout was rolled back, by a gate or a person' },
  aborted: { code: 5, means: 'a rollout was aborted; devices that have the version keep it' },
  held: { code: 6, means: 'a rollout is paused or waits for approval: a person decides' },
  superseded: { code: 7, means: 'a newer rollout took the devices of this one' },
  interrupted: { code: 130, means: 'Ctrl-C, or a signal to end' },
} as const satisfies Record<string, { readonly code: number; readonly means: string }>;

export type Ending = keyof typeof exitTable;

/** Errors that are a result: the command did all that it could. */
const results: readonly ErrorCode[] = [
  'MODEL_UNMEASURED',
  'NO_VARIANT_FITS',
  'VARIANT_FAILED',
  'VERSION_WORSE',
];

export function endingOf(code: ErrorCode): Ending {
  return results.includes(code) ? 'unfit' : 'failed';
}
