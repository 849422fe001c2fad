import test from 'ava';
import { eventLimits } from '../../agent/events.ts';
import { openStore } from '../../agent/store.ts';
import { createKeyPair } from '../../shared/signature.ts';
import { startOn } from '../support/agent.ts';
import { signedDesired } from '../support/desired.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { device, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

test('what happened is said until it is stored, also over a restart, then no more', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  station.acknowledging = false;
  const first = await startOn(t, station, { dataFolder });
  const stranger = createKeyPair();
  const wrong = (revision: number) =>
    station.publish('desired', signedDesired(stranger, { device, revision, model: null }));
  await wrong(1);
  await station.event('SIGNATURE_INVALID');
  await first.stop();
  const refusals = () => station.heard.event.filter(({ code }) => code === 'SIGNATURE_INVALID');
  const said = () => new Set(refusals().map(({ seq }) => seq));
  const before = station.heard.event.length;
  const [refused = 0] = said();
  // The retained document comes again as well, and is refused again: that is the second one.
  const second = await startOn(t, station, { dataFolder });
  await until('the second', () => said().size === 2);
  t.true(
    station.heard.event.slice(before).some(({ seq }) => seq === refused),
    'and the first again',
  );
  station.acknowledging = true;
  await wrong(2);
  await until('the third', () => said().size === 3);
  await wrong(3);
  await until('the fourth', () => said().size === 4);
  await second.stop();
  const after = station.heard.event.length;
  const third = [...said()][2] ?? 0;
  await startOn(t, station, { dataFolder });
  await until('the one of this start', () => station.heard.event.length > after);
  t.true(
    station.heard.event.slice(after).every(({ seq }) => (seq ?? 0) > third),
    'what is stored is not said again',
  );
});

test('what waits is counted in bytes, whatever its letters: the cap holds', (t) => {
  const folder = temporaryFolder(t);
  const store = openStore(folder);
  const { events } = store;
  const limits = { bytesMax: 20_000, ageMsMax: 1000 };
  const texts = ['a', 'ü', '字', '😀', '\u0000'].map((letter) => letter.repeat(1000));
  const waiting = () => events.after(0, 1000).map(({ value }) => Buffer.byteLength(value));
  for (let at = 0; at < 200; at++) {
    events.add(texts[at % texts.length] ?? '', 0, limits);
    if (at % 7 === 0) events.remove(at - 3);
    const bytes = waiting().reduce((sum, one) => sum + one, 0);
    t.is(events.bytes(), bytes);
    t.true(bytes <= limits.bytesMax);
  }
  t.true(events.bytes() > limits.bytesMax / 2, 'not more is dropped than must be');
  const bytes = events.bytes();
  store.close();
  const again = openStore(folder);
  t.is(again.events.bytes(), bytes);
  again.close();
});

test('twenty events are under way at most, whatever number the first of them has', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  station.acknowledging = false;
  const at = new Date().toISOString();
  const event = { v: 1, device, at, level: 'info', code: 'OLD', message: 'before' };
  const store = openStore(dataFolder);
  for (let count = 0; count < 200; count += 1) {
    store.events.add(JSON.stringify(event), count, eventLimits);
  }
  store.events.remove(100);
  store.close();
  await startOn(t, station, { dataFolder });
  const said = () => station.heard.event.map(({ seq }) => seq);
  await until('the first twenty', () => said().includes(120));
  await station.publish('desired', signedDesired(createKeyPair(), { device, revision: 1 }));
  const next = signedDesired(station.keys, { device, revision: 2, model: null });
  await station.publish('desired', next);
  await station.reported('revision 2', ({ revision }) => revision === 2);
  t.is(Math.max(...said().map(Number)), 120, 'another one does not let all of them go');
  station.acknowledging = true;
  await station.publish('ack', { v: 1, event: { spool: station.heard.event[0]?.spool, seq: 120 } });
  await station.event('SIGNATURE_INVALID');
  t.is(new Set(said().filter((seq = 0) => seq <= 200)).size, 100, 'all of them, each');
});
