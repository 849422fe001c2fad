import test from 'ava';
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
  const said = () => station.heard.event.map(({ seq }) => seq);
  const before = said().length;
  // The retained document comes again as well, and is refused again: that is the second event.
  const second = await startOn(t, station, { dataFolder });
  await until('the first again, and the second', () => said().slice(before).includes(2));
  t.true(said().slice(before).includes(1));
  station.acknowledging = true;
  await wrong(2);
  await until('the third', () => said().includes(3));
  await wrong(3);
  await until('the fourth', () => said().includes(4));
  await second.stop();
  const after = station.heard.event.length;
  await startOn(t, station, { dataFolder });
  await until('the one of this start', () => station.heard.event.length > after);
  t.true(
    station.heard.event.slice(after).every(({ seq }) => (seq ?? 0) > 3),
    'what is stored is not said again',
  );
});
