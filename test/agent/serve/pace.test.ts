import test from 'ava';
import { lateError } from '../../../agent/serve/job.ts';
import { createPace } from '../../../agent/serve/pace.ts';

test('a wait is told by the fastest of the last runs, once some are known', (t) => {
  const pace = createPace();
  const queue = { ahead: 10, threads: 2 };
  pace.ran(9000);
  pace.ran(9000);
  t.is(pace.leastWaitMs(queue), 0, 'the first runs are the slowest');
  pace.ran(100);
  t.is(pace.leastWaitMs(queue), 500);
  for (let at = 0; at < 8; at++) pace.ran(200);
  t.is(pace.leastWaitMs(queue), 1000);
});

test('a deadline is missed by the variant only where one run took most of the time', (t) => {
  const codeAt = (begunMs: number | null) =>
    lateError(begunMs, { nowMs: 1000, answerMs: 600 }).code;
  t.is(codeAt(null), 'DEADLINE_PASSED');
  t.is(codeAt(800), 'DEADLINE_PASSED');
  t.is(codeAt(500), 'TIMEOUT');
});
