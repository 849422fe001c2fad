import test from 'ava';
import { gapsMax, nothingSeen, type Seen, see } from '../../../controller/store/seen.ts';
import { createRandom } from '../../../shared/random.ts';

function after(seqs: readonly number[]): { seen: Seen; fresh: number[] } {
  let seen = nothingSeen;
  const fresh: number[] = [];
  for (const seq of seqs) {
    const next = see(seen, seq);
    if (!next) continue;
    seen = next;
    fresh.push(seq);
  }
  return { seen, fresh };
}

test('in order it is one number', (t) => {
  t.deepEqual(after([0, 1, 2, 3]).seen, { seq: 3, gaps: [] });
});

test('what is missing comes once, from either end of a gap or its middle', (t) => {
  const { seen, fresh } = after([0, 6, 3, 3, 1, 5, 6]);
  t.deepEqual(fresh, [0, 6, 3, 1, 5]);
  t.deepEqual(seen, {
    seq: 6,
    gaps: [
      [2, 2],
      [4, 4],
    ],
  });
});

test('in any order, doubled at will, each number counts once', (t) => {
  const random = createRandom(3);
  const given = Array.from({ length: 2000 }, () => Math.floor(random() * 300));
  const { seen, fresh } = after(given);
  t.deepEqual(
    fresh.toSorted((a, b) => a - b),
    [...new Set(given)].sort((a, b) => a - b),
  );
  const missing = seen.gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  t.is(seen.seq + 1 - missing, fresh.length);
});

test('gaps are bounded: the oldest count as arrived', (t) => {
  const { seen } = after(Array.from({ length: gapsMax + 10 }, (_, index) => 2 * index + 1));
  t.is(seen.gaps.length, gapsMax);
  t.is(see(seen, 0), null);
  t.truthy(see(seen, 2 * gapsMax));
});
