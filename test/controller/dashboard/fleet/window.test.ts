import test from 'ava';
import {
  rowRange,
  scrollToRow,
  slotted,
  type Viewport,
} from '../../../../controller/dashboard/fleet/window.ts';

const at = (scrolledPx: number, rows = 10_000): Viewport => ({
  scrolledPx,
  heightPx: 700,
  rowPx: 36,
  rows,
});

test('every row in sight is drawn, wherever one has scrolled', (t) => {
  for (const scrolledPx of [-400, 0, 1, 35, 36, 5000, 123_457, 359_300, 400_000]) {
    const { first, end, slots } = rowRange(at(scrolledPx));
    t.true(end - first <= slots, `${end - first} rows in ${slots} slots`);
    const firstSeen = Math.max(0, Math.floor(scrolledPx / 36));
    const lastSeen = Math.min(9999, Math.floor((scrolledPx + 699) / 36));
    for (let row = firstSeen; row <= lastSeen; row += 1) {
      t.true(row >= first && row < end, `row ${row} at ${scrolledPx} px`);
    }
    t.true(end - first <= 60, `${end - first} rows at ${scrolledPx} px`);
    t.true(first >= 0 && end <= 10_000 && first <= end);
  }
});

test('a few pixels do not move the range', (t) => {
  const ranges = new Set(
    Array.from({ length: 216 }, (_, px) => JSON.stringify(rowRange(at(36_000 + px)))),
  );
  t.true(ranges.size <= 3, `${ranges.size} ranges within six rows`);
});

test('a short list is drawn whole, an empty one not at all', (t) => {
  t.like(rowRange(at(0, 3)), { first: 0, end: 3 });
  t.like(rowRange(at(0, 0)), { first: 0, end: 0 });
});

test('scrolling to a row moves only as far as needed', (t) => {
  t.is(scrollToRow(10, at(0)), null);
  t.is(scrollToRow(100, at(0)), 101 * 36 - 700);
  t.is(scrollToRow(3, at(5000)), 108);
});

const names = Array.from({ length: 10_000 }, (_, index) => `node-${index}`);

test('while one scrolls, elements stay where they are and only their rows change', (t) => {
  const before = slotted(names, rowRange(at(36_000)), rowRange(at(36_000)).first);
  const after = slotted(names, rowRange(at(36_360)), rowRange(at(36_000)).first);
  t.deepEqual(
    after.map(({ slot }) => slot),
    before.map(({ slot }) => slot),
  );
  const kept = after.filter(({ name }, place) => before[place]?.name === name);
  t.true(kept.length > 0 && kept.length < after.length);
});

test('at rest rows stand in their order, each in an element of its own', (t) => {
  const range = rowRange(at(123_456));
  const rows = slotted(names, range, range.first);
  t.deepEqual(
    rows.map(({ name }) => name),
    names.slice(range.first, range.end),
  );
  t.is(new Set(rows.map(({ slot }) => slot)).size, rows.length);
});
