/** A controller that tells an OpenTelemetry collector. */
import test from 'ava';
import { parseTraceparent } from '../../shared/trace-context.ts';
import { startCollector } from '../support/collector.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const asker = '00f067aa0ba902b7';

test('a trace goes from the request through the rollout to the desired document', async (t) => {
  const collector = await startCollector(t);
  const test = await startTestController(t, { otlp: collector.url });
  await pushTiny(test, temporaryFolder(t));
  const { url, adminToken } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1' });
  const start = (flags: string) =>
    fetch(`${url}/api/v1/rollouts`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${adminToken}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${asker}-${flags}`,
      },
      body: JSON.stringify({ model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] }),
    });
  const response = await start('01');
  t.is(response.status, 201);
  const answered = parseTraceparent(response.headers.get('traceresponse'));
  t.is(answered?.traceId, traceId);
  const goal = await device.goal(1);
  const told = parseTraceparent(goal.traceparent);
  t.like(told, { traceId, sampled: true });
  // Whoever does not keep the trace is answered, and nothing is kept here either.
  const unkept = parseTraceparent((await start('00')).headers.get('traceresponse'));
  t.like(unkept, { traceId, sampled: false });
  await test.stop();

  t.deepEqual(collector.faults, []);
  const request = collector.spans.find(({ name }) => name === 'POST /api/v1/rollouts');
  t.like(request, { traceId, spanId: answered?.spanId, parentSpanId: asker, kind: 2 });
  const step = collector.spans.find(({ name }) => name === 'rollout step');
  t.like(step, { traceId, spanId: told?.spanId, parentSpanId: answered?.spanId });
  t.false(collector.spans.some(({ spanId }) => spanId === unkept?.spanId));
  const devices = collector.metrics.get('fettle_devices');
  t.true(devices !== undefined && 'gauge' in devices);
  const stored = collector.metrics.get('fettle_ingest_messages');
  t.true(stored !== undefined && 'sum' in stored && stored.sum.isMonotonic);
  t.true([...collector.metrics.values()].some((one) => 'histogram' in one));
});

test('no collector at that address: the controller works, and says so once', async (t) => {
  const test = await startTestController(t, { otlp: 'http://127.0.0.1:9' });
  t.is((await fetch(`${test.controller.url}/health`)).status, 200);
  await test.stop();
});

test('what is no address is refused at the start', async (t) => {
  await t.throwsAsync(startTestController(t, { otlp: 'collector:4318' }), {
    code: 'BAD_SETTING',
    message: /--otlp: expected the address of a collector/,
  });
});
