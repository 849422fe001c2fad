/**
 * The process of a trial: loads the contestants, checks their golden sets, times them, answers,
 * ends.
 */
import * as v from 'valibot';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { ownPeakMiB } from '../../shared/process-memory.ts';
import { childRequest, childResult } from '../child-side.ts';
import { contest } from './contest.ts';
import { openPoolRunner } from './pool-runner.ts';
import { openRunner, type Runner } from './runner.ts';
import { type Contestant, TrialRequest } from './trial-protocol.ts';
import { watchMachine } from './watch.ts';

const request = v.parse(TrialRequest, await childRequest());
let contestant = 0;
try {
  const runners: Runner[] = [];
  for (const one of request.contestants) {
    runners.push(isDirect(one) ? await openRunner(one) : await openPoolRunner(one));
    contestant += 1;
  }
  const watch = await watchMachine(request);
  const measured = await contest(runners, request);
  childResult({ measured, peakMiB: ownPeakMiB(), conditions: await watch.end() });
} catch (thrown) {
  const code = thrown instanceof FettleError ? thrown.code : 'INTERNAL';
  childResult({ refused: { contestant, code, message: reasonOf(thrown) } });
}

/** One session that is asked one run after the other needs no queue before it. */
function isDirect({ plan }: Contestant): boolean {
  const single = plan.instances === 1 && plan.stages === 1 && plan.batch === 1;
  return single && request.compare === 'latency';
}
