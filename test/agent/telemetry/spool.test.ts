import test, { type ExecutionContext } from 'ava';
import { openJournal } from '../../../agent/journal.ts';
import type { QueueLimits } from '../../../agent/queue.ts';
import { openStore } from '../../../agent/store.ts';
import { type NewWindow, openSpool } from '../../../agent/telemetry/spool.ts';
import { emptyHistogram } from '../../../shared/histogram.ts';
import { temporaryFolder } from '../../support/fettle.ts';

const wide: QueueLimits = { bytesMax: 1 << 20, ageMsMax: 86_400_000 };

function windowOf(requests: number): NewWindow {
  return {
    ...{ start: '2026-01-01T00:00:00.000Z', seconds: 5, model: null, version: null, variant: null },
    ...{ requests, errors: 0, latencyMs: emptyHistogram() },
    ...{ memoryMiB: 50, cores: 0.1, temperatureC: null },
  };
}

function open(t: ExecutionContext, folder = temporaryFolder(t), limits = wide) {
  const store = openStore(folder);
  const spool = openSpool(
    store,
    openJournal(store, (text) => t.fail(text)),
    limits,
  );
  return { ...spool, store, folder, dropped: () => spool.dropped };
}

test('windows come out in the order in which they went in, until they are acknowledged', (t) => {
  const { add, batch, acknowledge, store } = open(t);
  t.is(batch('device'), null);
  for (const requests of [1, 2, 3]) add([windowOf(requests)], 0);
  const first = batch('device');
  t.deepEqual(
    first?.windows.map((window) => [window.seq, window.requests]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  );
  t.deepEqual(batch('device'), first, 'the same again, as long as nobody has stored it');
  acknowledge({ spool: first?.spool ?? '', seq: 2 });
  t.deepEqual(
    batch('device')?.windows.map(({ seq }) => seq),
    [3],
  );
  store.close();
});

test('an acknowledgement of another spool, or an older one, changes nothing', (t) => {
  const { add, batch, acknowledge, store } = open(t);
  add([windowOf(1), windowOf(2)], 0);
  const spool = batch('device')?.spool ?? '';
  acknowledge({ spool: 'other', seq: 2 });
  t.is(batch('device')?.windows.length, 2);
  acknowledge({ spool, seq: 2 });
  acknowledge({ spool, seq: 1 });
  t.is(batch('device'), null);
  store.close();
});

test('numbers are never used twice, also after a restart and when all are acknowledged', (t) => {
  const first = open(t);
  first.add([windowOf(1), windowOf(2)], 0);
  const spool = first.batch('device')?.spool ?? '';
  first.acknowledge({ spool, seq: 2 });
  first.store.close();
  const again = open(t, first.folder);
  again.add([windowOf(3)], 0);
  const batch = again.batch('device');
  t.is(batch?.spool, spool);
  t.deepEqual(
    batch?.windows.map(({ seq }) => seq),
    [3],
  );
  again.store.close();
});

test('the cap of bytes drops the oldest, and counts them', (t) => {
  const bytes = JSON.stringify(windowOf(1)).length;
  const spool = open(t, temporaryFolder(t), { ...wide, bytesMax: 3 * bytes });
  for (let requests = 1; requests <= 9; requests++) spool.add([windowOf(requests)], 0);
  const batch = spool.batch('device');
  t.is(batch?.dropped, 6);
  t.deepEqual(
    batch?.windows.map(({ seq }) => seq),
    [7, 8, 9],
    'the gap is seen',
  );
  t.true(spool.bytes() <= 3 * bytes);
  spool.store.close();
  const again = open(t, spool.folder);
  t.is(again.dropped(), 6, 'what was lost stays counted');
  again.store.close();
});

test('the cap of age drops what is too old', (t) => {
  const spool = open(t, temporaryFolder(t), { ...wide, ageMsMax: 1000 });
  spool.add([windowOf(1)], 0);
  spool.add([windowOf(2)], 900);
  spool.add([windowOf(3)], 1500);
  const batch = spool.batch('device');
  t.deepEqual(
    batch?.windows.map(({ requests }) => requests),
    [2, 3],
  );
  t.is(batch?.dropped, 1);
  spool.store.close();
});

test('a day of windows fits, and goes out in documents of a hundred', (t) => {
  const { add, batch, acknowledge, store } = open(t, temporaryFolder(t), {
    ...wide,
    bytesMax: 32 << 20,
  });
  const day = 86_400 / 60;
  for (let at = 0; at < day; at++) add([windowOf(at)], at);
  const seen: number[] = [];
  for (let next = batch('device'); next; next = batch('device')) {
    t.true(next.windows.length <= 100);
    seen.push(...next.windows.map(({ requests }) => requests));
    acknowledge({ spool: next.spool, seq: next.windows.at(-1)?.seq ?? 0 });
  }
  t.deepEqual(
    seen,
    Array.from({ length: day }, (_, at) => at),
  );
  store.close();
});
