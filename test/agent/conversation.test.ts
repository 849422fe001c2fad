import test from 'ava';
import { createKeyPair } from '../../shared/signature.ts';
import { offerModel, startOn } from '../support/agent.ts';
import { signedDesired } from '../support/desired.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { device, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

test('documents that must not be followed are refused, and that is said', async (t) => {
  const station = await startStation(t);
  await startOn(t, station);
  await station.reported('idle', ({ state }) => state === 'idle');
  const publish = (revision: number, keys = station.keys) =>
    station.publish('desired', signedDesired(keys, { device, revision, model: null }));
  await publish(7);
  await station.reported('revision 7', ({ revision }) => revision === 7);
  await publish(9, createKeyPair());
  t.regex((await station.event('SIGNATURE_INVALID')).message, /revision 9/);
  await publish(6);
  await station.event('REVISION_STALE');
  await publish(8);
  await station.reported('revision 8', ({ revision }) => revision === 8);
  t.deepEqual(
    [...new Set(station.heard.reported.map(({ revision }) => revision))],
    [0, 7, 8],
    'nothing else was ever reported on',
  );
});

test('inference over MQTT: the same bodies with an id, errors too', async (t) => {
  const station = await startStation(t);
  await startOn(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  const inputs = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }];
  await station.publish('infer', { v: 1, id: 'one', model: 'model', inputs });
  await station.publish('infer', { v: 1, id: 'two', model: 'other', inputs });
  const answer = (id: string) =>
    until(id, () => station.heard.inferred.find((message) => message.id === id));
  t.like(await answer('one'), { model: 'model', outputs: [{ name: 'y', data: [6, 8] }] });
  t.like(await answer('two'), { code: 'NOT_FOUND' });
});

test('refused credentials are renewed with the token, by the same controller only', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await startOn(t, station, { dataFolder });
  await station.reported('idle', ({ state }) => state === 'idle');
  await first.stop();
  station.refuseConnections(true);
  station.keys = createKeyPair();
  const lines: string[] = [];
  await startOn(t, station, { dataFolder, log: (_, text) => lines.push(text) });
  const refusal = await until('it', () => lines.find((text) => text.includes('SIGNATURE_INVALID')));
  t.regex(refusal, /pinned controller key/);
});
