import test from 'ava';
import { double, offerModel, startOn } from '../../support/agent.ts';
import { startStation } from '../../support/station/station.ts';
import { until } from '../../support/until.ts';

test('requests are counted once, in order, although nobody was there to hear', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1, telemetrySeconds: 0.1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  station.refuseConnections(true);
  station.dropConnections();
  await until('offline', () => station.heard.presence.at(-1)?.online === false);
  const asked = 30;
  for (let request = 0; request < asked; request++) await double(agent, [request, 1]);
  station.refuseConnections(false);
  const windows = new Map<number, number>();
  await until('all of them', () => {
    for (const { windows: sent } of station.heard.telemetry) {
      for (const { seq, requests } of sent) windows.set(seq, requests);
    }
    return [...windows.values()].reduce((sum, requests) => sum + requests, 0) >= asked;
  });
  t.is(
    [...windows.values()].reduce((sum, requests) => sum + requests, 0),
    asked,
  );
  const firsts = station.heard.telemetry.map(({ windows: sent }) => sent[0]?.seq ?? 0);
  t.deepEqual(
    firsts,
    firsts.toSorted((a, b) => a - b),
    'in order',
  );
  t.deepEqual(
    [...windows.keys()],
    Array.from(windows.keys(), (_, at) => at + 1),
    'no gap',
  );
  const all = station.heard.telemetry.flatMap(({ windows: sent }) => sent);
  t.true(all.every(({ diskFreeMiB }) => diskFreeMiB !== undefined && diskFreeMiB > 0));
  const bytes = all.map(({ networkBytes }) => networkBytes?.received ?? 0);
  t.true(Math.max(...bytes) > 0, 'what it fetched is counted');
});

test('what was under way when the connection broke is sent again with the next one', async (t) => {
  const station = await startStation(t);
  await startOn(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1, telemetrySeconds: 0.1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  station.acknowledging = false;
  const before = station.heard.telemetry.length;
  const sent = await until('a document', () => station.heard.telemetry[before]);
  // From now on no window is closed that would send what waits.
  const reports = station.heard.reported.length;
  await station.publish('desired', desired({ revision: 2, telemetrySeconds: 3600 }));
  await until('the longer period', () => station.heard.reported.length > reports);
  const first = sent.windows[0]?.seq;
  const times = () =>
    station.heard.telemetry.filter(({ windows }) => windows[0]?.seq === first).length;
  const once = times();
  station.dropConnections();
  await until('the same windows again', () => times() > once);
  t.pass();
});
