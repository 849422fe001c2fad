/** An agent that tells an OpenTelemetry collector. */
import test from 'ava';
import { parseTraceparent } from '../../shared/trace-context.ts';
import { offerModel, startOn } from '../support/agent.ts';
import { startCollector } from '../support/collector.ts';
import { startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const asker = '00f067aa0ba902b7';
const inputs = (data: readonly number[]) => [
  { name: 'x', shape: [1, data.length], datatype: 'FP32', data },
];

test('a trace goes on through queue and run, over HTTP and over MQTT', async (t) => {
  const collector = await startCollector(t);
  const station = await startStation(t);
  const agent = await startOn(t, station, { otlp: collector.url });
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');

  const infer = (model: string, flags: string | null, data = [1, 2]) =>
    fetch(new URL(`/v2/models/${model}/infer`, agent.endpoint), {
      method: 'POST',
      body: JSON.stringify({ inputs: inputs(data) }),
      headers: flags === null ? {} : { traceparent: `00-${traceId}-${asker}-${flags}` },
    });
  const answered = async (response: Promise<Response>) =>
    parseTraceparent((await response).headers.get('traceresponse'));
  const kept = await answered(infer('model', '01'));
  t.like(kept, { traceId, sampled: true });
  const wrong = await answered(infer('model', '01', [1, 2, 3]));
  const unkept = await answered(infer('model', '00'));
  t.like(unkept, { traceId, sampled: false });
  t.is(await answered(infer('model', null)), null);

  const traceparent = `00-${traceId}-${asker}-01`;
  const message = { v: 1, id: 'one', model: 'model', inputs: inputs([3, 4]), traceparent };
  await station.publish('infer', message);
  const reply = await until('the answer', () =>
    station.heard.inferred.find(({ id }) => id === 'one'),
  );
  const mqtt = parseTraceparent(reply.traceparent);
  t.is(mqtt?.traceId, traceId);
  await agent.stop();

  t.deepEqual(collector.faults, []);
  const span = (id: string | undefined) => collector.spans.find(({ spanId }) => spanId === id);
  for (const context of [kept, mqtt]) {
    t.like(span(context?.spanId), { name: 'infer model', parentSpanId: asker, kind: 2, traceId });
    const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === context?.spanId);
    t.deepEqual(parts.map(({ name }) => name).sort(), ['inference', 'queue']);
    const [queue, inference] = parts.toSorted((a, b) => b.name.localeCompare(a.name));
    t.is(queue?.endTimeUnixNano, inference?.startTimeUnixNano);
  }
  t.is(span(wrong?.spanId)?.status?.code, 2);
  t.is(span(unkept?.spanId), undefined);
  const requests = collector.metrics.get('fettle_requests');
  t.true(requests !== undefined && 'sum' in requests);
  const latency = collector.metrics.get('fettle_latency_seconds');
  t.true(latency !== undefined && 'summary' in latency);
});
