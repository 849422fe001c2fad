import test from 'ava';
import { breaches, gateTable } from '../../../../controller/dashboard/rollouts/gates.ts';
import type { Verdict } from '../../../../shared/protocol/rollouts.ts';

const verdict = (change: Partial<Verdict>): Verdict => ({
  gate: 'latency',
  class: 'arm64-a',
  against: 'baseline',
  value: 1.2,
  threshold: 2,
  samples: 400,
  state: 'holds',
  reason: 'p95 is 1.2 times',
  ...change,
});

test('a line a class, a column a kind of gate that there is, the broken class first', (t) => {
  const { kinds, lines } = gateTable({
    verdicts: [
      verdict({}),
      verdict({ gate: 'golden', against: 'limit', value: 1, threshold: 0.9 }),
      verdict({ class: 'x64-b', value: 2.4, state: 'breached', reason: 'p95 is 2.4 times' }),
    ],
  });
  t.deepEqual(
    kinds.map(({ title }) => title),
    ['p95 vs before', 'Golden'],
  );
  t.deepEqual(
    lines.map(({ name, cells }) => [name, ...cells.map((cell) => cell?.value ?? null)]),
    [
      ['x64-b', '2.40×', null],
      ['arm64-a', '1.20×', '100.0\u202f%'],
    ],
  );
});

test('a threshold says whether it is the most or the least, and how much is used up', (t) => {
  const { lines } = gateTable({
    verdicts: [
      verdict({}),
      verdict({ gate: 'golden', against: 'limit', value: 0.95, threshold: 0.9 }),
      verdict({ gate: 'errors', value: 0.01, threshold: 0.02 }),
      verdict({ gate: 'temperature', against: 'limit', value: 130, threshold: 95 }),
    ],
  });
  const cells = lines[0]?.cells ?? [];
  t.deepEqual(
    cells.map((cell) => [cell?.threshold, Math.round((cell?.used ?? 0) * 100)]),
    [
      ['≤\u202f2.00×', 60],
      ['≤\u202f2.0\u202fpoints', 50],
      ['≤\u202f95\u202f°C', 100],
      ['≥\u202f90.0\u202f%', 50],
    ],
  );
});

test('without data there is no value, and the reason says what is lacking', (t) => {
  const { lines } = gateTable({
    verdicts: [verdict({ value: null, state: 'no data', reason: 'no device has 20 requests' })],
  });
  t.like(lines[0]?.cells[0], { used: null, value: '–', reason: 'no device has 20 requests' });
});

test('the limit of failed devices is told elsewhere; its breach is told with the others', (t) => {
  const failures = verdict({ gate: 'failures', against: 'limit', class: null, state: 'breached' });
  t.deepEqual(gateTable({ verdicts: [failures] }).lines, []);
  t.deepEqual(breaches({ verdicts: [failures, verdict({})] }), [failures.reason]);
});
