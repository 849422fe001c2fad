import test from 'ava';
import { rowAfterKey } from '../../../../controller/dashboard/fleet/keys.ts';

test('keys move the cursor and stop at the ends', (t) => {
  const from = (row: number | null) => ({ row, rows: 100, page: 20 });
  const cases = [
    ['ArrowDown', null, 0],
    ['ArrowDown', 0, 1],
    ['j', 4, 5],
    ['ArrowDown', 99, 99],
    ['ArrowUp', 0, 0],
    ['k', 4, 3],
    ['PageDown', 5, 25],
    ['PageDown', 95, 99],
    ['PageUp', 5, 0],
    ['Home', 50, 0],
    ['End', 50, 99],
    ['x', 50, null],
  ] as const;
  for (const [key, row, wanted] of cases) t.is(rowAfterKey(key, from(row)), wanted, key);
});

test('an empty table takes no key', (t) => {
  t.is(rowAfterKey('ArrowDown', { row: null, rows: 0, page: 20 }), null);
});
