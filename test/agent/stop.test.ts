/** The end of an agent: nobody is cut without an answer. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import type { Agent } from '../../agent/main.ts';
import { offerModel, startOn } from '../support/agent.ts';
import { heavyModel } from '../support/arithmetic.ts';
import { startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const asked = 12;
const body = JSON.stringify({
  inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [1] }],
});

async function startServing(t: ExecutionContext, stopSeconds: number) {
  const station = await startStation(t);
  const agent = await startOn(t, station, { stopSeconds });
  const desired = await offerModel(t, station, { make: heavyModel });
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('it serves', ({ state }) => state === 'serving');
  return { station, agent };
}

/** As many as are asked for: each has been heard, and most are under way. */
async function askAll({ endpoint }: Agent): Promise<Promise<Response>[]> {
  const url = `${endpoint}/v2/models/model/infer`;
  let answered = 0;
  const ask = async () => {
    const answer = await fetch(url, { method: 'POST', body });
    answered += 1;
    return answer;
  };
  const answers = Array.from({ length: asked }, ask);
  await until('all are heard', async () => {
    // Counted first: what is answered meanwhile is counted once at the most.
    const before = answered;
    const page = await (await fetch(`${endpoint}/metrics`)).text();
    return before + Number(/^fettle_pending_runs (\d+)$/m.exec(page)?.[1]) >= asked;
  });
  return answers;
}

test('what is under way when the agent is stopped is answered first', async (t) => {
  const { station, agent } = await startServing(t, 60);
  const answers = await askAll(agent);
  await station.publish('infer', { v: 1, id: 'last', model: 'model', ...JSON.parse(body) });
  const stopped = agent.stop();
  // Whoever comes now is told, and can go elsewhere.
  const late = await fetch(`${agent.endpoint}/v2/models/model/infer`, { method: 'POST', body });
  t.is(late.status, 503);
  t.truthy(late.headers.get('retry-after'));
  t.is((await fetch(`${agent.endpoint}/v2/health/ready`)).status, 503);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  t.deepEqual(statuses, statuses.fill(200));
  await stopped;
  const inferred = await until('over MQTT', () => station.heard.inferred[0]);
  t.is(inferred.id, 'last');
});

test('what cannot be answered before the end is refused with 503, none is cut', async (t) => {
  const { agent } = await startServing(t, 0);
  const { hostname, port } = new URL(agent.endpoint);
  const halfWay = connect({ host: hostname, port: Number(port) });
  halfWay.write('POST /v2/models/model/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{');
  const answers = await askAll(agent);
  await agent.stop();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  t.true(
    statuses.every((status) => status === 200 || status === 503),
    String(statuses),
  );
  t.true(statuses.includes(503));
  t.regex(await text(halfWay), /^HTTP\/1\.1 503 .*retry-after: 1/is);
});
