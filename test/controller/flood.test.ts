/** One device that sends as fast as it can must not keep the others waiting. */
import test from 'ava';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { until } from '../support/until.ts';

test('while one floods, another is stored and acknowledged, and the API answers', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken(2);
  const [flooder, other] = await Promise.all(
    ['flooder', 'other'].map((name) => startDevice(t, { url, token, name, behaviour: 'manual' })),
  );
  const state = { flooding: true, sent: 0 };
  const windows = Array.from({ length: 20 }, (_, seq) => windowOf(seq));
  const document = { v: 1, device: 'flooder', spool: 'a', dropped: 0, windows };
  const lane = async () => {
    while (state.flooding) {
      await flooder?.send('telemetry', document);
      state.sent += 1;
    }
  };
  const lanes = Promise.all(Array.from({ length: 500 }, lane));
  await until('a flood', () => state.sent > 2000);
  for (const seq of [0, 1, 2]) {
    const mine = { ...document, device: 'other', windows: [windowOf(seq)] };
    await other?.send('telemetry', mine);
    await until(`window ${seq} of the other stored`, () =>
      other?.acks.some(({ telemetry }) => (telemetry?.seq ?? -1) >= seq),
    );
    const summary = await test.client.call(DeviceSummary, '/api/v1/devices/other');
    t.is(summary.recent?.requestsPerSecond, 2);
  }
  const before = state.sent;
  await until('the flood still there', () => state.sent > before);
  state.flooding = false;
  await lanes;
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const dropped = /fettle_ingest_dropped_total (\d+)/.exec(metrics)?.[1];
  t.true(Number(dropped) > 0, 'what was too much was dropped, and counted');
});
