import test from 'ava';
import {
  edgeOf,
  type FrontPoint,
  layoutFront,
} from '../../../../controller/dashboard/parts/front-layout.ts';
import { sparkPath } from '../../../../controller/dashboard/parts/spark-path.ts';

const point = (id: number, cost: number, worth: number): FrontPoint => ({
  id,
  cost,
  worth,
  name: `p${id}`,
  part: 'behind',
});
const size = { width: 800, height: 300 };

test('the edge is what nothing cheaper equals', (t) => {
  const points = [point(0, 3, 0.9), point(1, 1, 0.5), point(2, 2, 0.95), point(3, 4, 0.95)];
  t.deepEqual(
    edgeOf(points).map(({ id }) => id),
    [1, 2],
  );
});

test('cheaper lies further left, better further up, all within the frame', (t) => {
  const points = [point(0, 0.5, 0.96), point(1, 1.2, 0.98), point(2, 9, 0.99)];
  const { placed, plot } = layoutFront({ points, floor: 0.975 }, size);
  const [a, b, c] = placed;
  t.true((a?.x ?? 0) < (b?.x ?? 0) && (b?.x ?? 0) < (c?.x ?? 0));
  t.true((a?.y ?? 0) > (b?.y ?? 0) && (b?.y ?? 0) > (c?.y ?? 0));
  for (const { x, y } of placed) {
    t.true(x >= plot.left && x <= plot.right && y >= plot.top && y <= plot.bottom);
  }
});

test('a ruined variant does not flatten the others: it lies at the lower edge', (t) => {
  const points = [point(0, 1, 0.11), point(1, 2, 0.985), point(2, 3, 0.99)];
  const { placed, plot } = layoutFront({ points, floor: 0.98 }, size);
  t.true(placed[0]?.below);
  t.is(placed[0]?.y, plot.bottom);
  t.true((placed[1]?.y ?? 0) - (placed[2]?.y ?? 0) > 20);
});

test('the floor lies between what is accepted and what is not', (t) => {
  const points = [point(0, 1, 0.97), point(1, 2, 0.99)];
  const { placed, floorY } = layoutFront({ points, floor: 0.98 }, size);
  t.true((floorY ?? 0) < (placed[0]?.y ?? 0) && (floorY ?? 0) > (placed[1]?.y ?? 0));
  t.is(layoutFront({ points, floor: null }, size).floorY, null);
});

test('one point, equal points and a narrow frame are drawn without a fault', (t) => {
  for (const points of [
    [point(0, 1, 1)],
    [point(0, 1, 1), point(1, 1, 1)],
    [point(0, 1e-9, 0), point(1, 1e9, 0)],
  ]) {
    const layout = layoutFront({ points, floor: null }, { width: 60, height: 300 });
    for (const { x, y } of layout.placed) t.true(Number.isFinite(x) && Number.isFinite(y));
    for (const tick of [...layout.xTicks, ...layout.yTicks]) t.true(Number.isFinite(tick.at));
  }
});

test('labels do not lie on each other, and the choice always has one', (t) => {
  const crowd = Array.from({ length: 30 }, (_, id) => ({
    ...point(id, 1 + id / 100, 0.98 + id / 10_000),
    name: `a variant with a long name, number ${id}`,
  }));
  const points = crowd.map((one, id): FrontPoint => (id === 15 ? { ...one, part: 'chosen' } : one));
  const { labels } = layoutFront({ points, floor: null }, size);
  t.true(labels.some((label) => label.strong && label.text.endsWith('15')));
  const boxes = labels.map(({ text, x, y, anchor }) => {
    const left = anchor === 'end' ? x - 6 * text.length : x;
    return { left, right: left + 6 * text.length, top: y - 10, bottom: y };
  });
  const overlaps = boxes.flatMap((a, index) =>
    boxes
      .slice(index + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom),
  );
  t.deepEqual(overlaps, []);
  t.true(labels.length > 1 && labels.length < 30, `${labels.length} labels`);
});

test('a sparkline ends at the right edge and stays within its height', (t) => {
  const { line } = sparkPath({ values: [0, 5, 10], width: 56, height: 18, points: 24 });
  const points = [...line.matchAll(/([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
  t.is(points.length, 3);
  t.deepEqual(points.at(-1), [56, 1]);
  t.deepEqual(points[0]?.[1], 17);
});
