import test from 'ava';
import { contest } from '../../../agent/tune/contest.ts';
import type { Runner } from '../../../agent/tune/runner.ts';
import { seeded } from '../../support/trials/figures.ts';

const effort = { warmUpMs: 1, runsMin: 20, secondsMin: 0, spread: 0.02, secondsMax: 5 };

/** A runner whose runs take what `ms` says, without spending that time. */
function pretend(ms: () => number): Runner & { readonly blocks: number[] } {
  const blocks: number[] = [];
  return {
    blocks,
    loadMs: 5,
    golden: null,
    async block(durationMs) {
      blocks.push(durationMs);
      const latenciesMs: number[] = [];
      let elapsedMs = 0;
      do {
        const latency = ms();
        latenciesMs.push(latency);
        elapsedMs += latency;
      } while (elapsedMs < durationMs);
      return { latenciesMs, elapsedMs };
    },
    close: async () => {},
  };
}

test('alone: quantiles, rate and spread of what was measured', async (t) => {
  const [one] = await contest([pretend(() => 2)], { compare: 'latency', effort });
  t.is(one?.latencyMsP50, 2);
  t.is(one?.latencyMsP95, 2);
  t.is(Math.round(one?.throughputPerSecond ?? 0), 500);
  t.is(one?.spread, 0);
  t.is(one?.versus, null);
  t.true((one?.runs ?? 0) >= effort.runsMin);
});

test('a disturbance that hits both does not change the ratio', async (t) => {
  const random = seeded(7);
  let slow = 1;
  const drift = (base: number) => () => {
    slow = 1 + Math.min(3, Math.max(0, slow - 1 + (random() - 0.5) * 0.02));
    return base * slow * (1 + random() * 0.02);
  };
  const [, fast] = await contest([pretend(drift(4)), pretend(drift(2))], {
    compare: 'latency',
    effort: { ...effort, runsMin: 500 },
  });
  const { ratio = 0, low = 0, high = 0 } = fast?.versus ?? {};
  t.true(Math.abs(ratio - 2) < 0.1, `ratio ${ratio}`);
  t.true(low <= ratio && ratio <= high);
});

test('a block holds several runs of a slow model', async (t) => {
  const slow = pretend(() => 100);
  await contest([slow], { compare: 'latency', effort: { ...effort, runsMin: 4 } });
  t.true(slow.blocks.slice(1).every((ms) => ms === 400));
});

test('throughput is compared as throughput', async (t) => {
  const single = pretend(() => 2);
  const double: Runner = {
    ...pretend(() => 3),
    block: async () => ({ latenciesMs: Array(20).fill(3), elapsedMs: 30 }),
  };
  const [, second] = await contest([single, double], { compare: 'throughput', effort });
  t.is(Math.round((second?.versus?.ratio ?? 0) * 100), 141);
});

test('who drops out is held against the leader, not judged by its rounds alone', async (t) => {
  let runs = 0;
  // What the others are compared with is disturbed at first.
  const source = pretend(() => (runs++ < 60 ? 20 : 4));
  const [quick, slow] = [pretend(() => 2), pretend(() => 2.5)];
  const [, first, second] = await contest([source, quick, slow], {
    compare: 'latency',
    effort: { ...effort, runsMin: 500 },
  });
  t.true(slow.blocks.length < quick.blocks.length);
  t.is(Math.round(10 * (first?.versus?.ratio ?? 0)), 20);
  t.is(Math.round(10 * (second?.versus?.ratio ?? 0)), 16);
});

test("at the budget's end it ends with what it has", async (t) => {
  const endless = { ...effort, spread: -1, secondsMax: Number.POSITIVE_INFINITY };
  const runner = pretend(() => 30);
  const [one] = await contest([runner], {
    compare: 'latency',
    effort: { ...endless, endsAtMs: Date.now() - 1 },
  });
  t.is(runner.blocks.length, 2, 'a warm-up and one block');
  t.is(one?.latencyMsP50, 30);
});
