/**
 * The process of a trial: loads the contestants, checks their golden sets, times them, answers,
 * ends.
 */
import * as v from 'valibot';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { childRequest, childResult, peakMiB } from '../child-side.ts';
import { contest } from './contest.ts';
import { openInstances } from './instances.ts';
import { openRunner, type Runner } from './runner.ts';
import { TrialRequest } from './trial-protocol.ts';

const request = v.parse(TrialRequest, await childRequest());
let contestant = 0;
try {
  const runners: Runner[] = [];
  for (const one of request.contestants) {
    runners.push(one.plan.instances > 1 ? await openInstances(one) : await openRunner(one));
    contestant += 1;
  }
  const measured = await contest(runners, request);
  childResult({ measured, peakMiB: peakMiB() });
} catch (thrown) {
  const code = thrown instanceof FettleError ? thrown.code : 'INTERNAL';
  childResult({ refused: { contestant, code, message: reasonOf(thrown) } });
}
