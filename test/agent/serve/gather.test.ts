import test from 'ava';
import { gather, isBatchable, stack, unstack } from '../../../agent/serve/gather.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';

function waiting(arrivedMs: number, values: readonly number[], columns = 1) {
  const dims = [values.length / columns, columns];
  const feeds: Tensors = { x: { type: 'float', dims, data: Float32Array.from(values) } };
  return { feeds, arrivedMs };
}

const limits = { batch: 4, gatherMs: 2, nowMs: 10 };

test('a full batch goes at once, and no more than a batch', (t) => {
  const queue = [1, 2, 3, 4, 5].map((value) => waiting(10, [value]));
  t.deepEqual(gather(queue, limits), { count: 4 });
  t.deepEqual(gather([], limits), { count: 0 });
});

test('fewer wait for others until the first has waited long enough', (t) => {
  const queue = [waiting(9, [1]), waiting(10, [2])];
  t.deepEqual(gather(queue, limits), { waitMs: 1 });
  t.deepEqual(gather(queue, { ...limits, nowMs: 11 }), { count: 2 });
});

test('what does not fit beside the first ends the batch, so that the order stays', (t) => {
  const other = waiting(10, [1, 2, 3], 3);
  t.deepEqual(gather([waiting(10, [1]), other, waiting(10, [2])], limits), { count: 1 });
  const large = waiting(10, [1, 2, 3, 4]);
  t.deepEqual(gather([waiting(10, [1]), large], limits), { count: 1 });
  t.deepEqual(gather([waiting(10, [1, 2, 3, 4, 5, 6])], limits), { count: 1 });
});

test('alone there is nothing to wait for', (t) => {
  t.deepEqual(gather([waiting(10, [1])], { ...limits, batch: 1 }), { count: 1 });
});

test('rows are put together and taken apart', (t) => {
  const parts = [waiting(0, [1, 2]), waiting(0, [3]), waiting(0, [4, 5])].map(({ feeds }) => feeds);
  const joined = stack(parts);
  t.deepEqual(joined.x?.dims, [5, 1]);
  t.deepEqual([...(joined.x?.data ?? [])], [1, 2, 3, 4, 5]);
  const apart = unstack(joined, parts);
  t.deepEqual(
    apart?.map(({ x }) => [...(x?.data ?? [])]),
    [[1, 2], [3], [4, 5]],
  );
});

test('an output without one row for each that was fed cannot be taken apart', (t) => {
  const parts = [waiting(0, [1]), waiting(0, [2])].map(({ feeds }) => feeds);
  const sum: Tensors = { y: { type: 'float', dims: [1], data: Float32Array.from([3]) } };
  t.is(unstack(sum, parts), null);
});

test('a model is batchable where every leading axis is open', (t) => {
  const open = { shape: [-1, 3] };
  const fixed = { shape: [1, 3] };
  t.true(isBatchable({ inputs: [open], outputs: [open] }));
  t.false(isBatchable({ inputs: [open], outputs: [fixed] }));
  t.false(isBatchable({ inputs: [open, { shape: [] }], outputs: [open] }));
  t.false(isBatchable({ inputs: [], outputs: [] }));
});
