import test from 'ava';
import { openHttp } from '../../../agent/serve/http.ts';
import type { ElementType } from '../../../shared/onnx/graph.ts';
import { doublingModel, identityOf } from '../../support/arithmetic.ts';
import { checkMetrics } from '../../support/promtool.ts';
import { bodyBytesMax, serve } from '../../support/serving.ts';

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
  readonly bytes: Buffer;
}

async function call(
  url: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Sent> {
  const method = body === undefined ? 'GET' : 'POST';
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const bytes = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  const text = bytes.subarray(0, length).toString();
  const json = text.startsWith('{') ? JSON.parse(text) : { text };
  return {
    status: response.status,
    headers: response.headers,
    json,
    bytes: bytes.subarray(length),
  };
}

const input = (data: readonly unknown[], datatype = 'FP32', more = {}) =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, data.length], datatype, data }], ...more });

test('what is served and how it is asked', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  t.like((await call(`${url}/v2`)).json, { name: 'fettle', extensions: ['binary_tensor_data'] });
  t.deepEqual((await call(`${url}/v2/health/live`)).json, { live: true });
  t.deepEqual((await call(`${url}/v2/health/ready`)).json, { ready: true });
  t.deepEqual((await call(`${url}/v2/models/model/ready`)).json, { name: 'model', ready: true });
  for (const path of ['model', 'model/versions/1']) {
    t.like((await call(`${url}/v2/models/${path}`)).json, {
      name: 'model',
      versions: ['1'],
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2] }],
    });
  }
});

test('an answer in JSON carries model, version and id', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const { json } = await call(`${url}/v2/models/model/infer`, input([1, 2.5], 'FP32', { id: 'a' }));
  t.deepEqual(json, {
    ...{ model_name: 'model', model_version: '1', id: 'a' },
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [2, 5] }],
  });
});

test('raw tensors in and out, beside one in JSON', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 3] }));
  const raw = Buffer.from(Float32Array.of(1, 2, 3).buffer);
  const header = JSON.stringify({
    inputs: [
      { name: 'x', shape: [1, 3], datatype: 'FP32', parameters: { binary_data_size: raw.length } },
    ],
    parameters: { binary_data_output: true },
  });
  const answer = await call(
    `${url}/v2/models/model/infer`,
    Buffer.concat([Buffer.from(header), raw]),
    {
      'inference-header-content-length': String(header.length),
    },
  );
  t.is(answer.headers.get('content-type'), 'application/octet-stream');
  t.like(answer.json, { outputs: [{ name: 'y', parameters: { binary_data_size: 12 } }] });
  t.deepEqual(new Float32Array(Uint8Array.from(answer.bytes).buffer), Float32Array.of(2, 4, 6));
});

test('a batch for a model with a batch of one', async (t) => {
  const { url, meter } = await serve(t, await doublingModel(t, { dims: [1, 2] }), {
    instances: 2,
  });
  const values = Array.from({ length: 100 }, (_, at) => [at, at + 0.5]);
  const body = { inputs: [{ name: 'x', shape: [100, 2], datatype: 'FP32', data: values }] };
  const { json } = await call(`${url}/v2/models/model/infer`, JSON.stringify(body));
  const data = values.flat().map((value) => 2 * value);
  t.like(json, { outputs: [{ name: 'y', shape: [100, 2], data }] });
  t.is(meter.total().requests, 1, 'one request, however many runs');
});

const types: readonly { type: ElementType; datatype: string; data: readonly unknown[] }[] = [
  { type: 'double', datatype: 'FP64', data: [0.1, -2] },
  { type: 'float16', datatype: 'FP16', data: [0.5, -2] },
  { type: 'int8', datatype: 'INT8', data: [-128, 127] },
  { type: 'uint8', datatype: 'UINT8', data: [0, 255] },
  { type: 'int32', datatype: 'INT32', data: [-7, 7] },
  { type: 'int64', datatype: 'INT64', data: [-7, 2 ** 40] },
  { type: 'bool', datatype: 'BOOL', data: [true, false] },
  { type: 'string', datatype: 'BYTES', data: ['a', 'ü'] },
];

for (const { type, datatype, data } of types) {
  test(`${datatype} goes through and comes back`, async (t) => {
    const { url } = await serve(t, await identityOf(t, { dims: [1, 2], type }));
    const { json } = await call(`${url}/v2/models/model/infer`, input(data, datatype));
    t.like(json, { outputs: [{ name: 'y', datatype, shape: [1, 2], data: [...data] }] });
  });
}

test('what is wrong is said with its status, and is no fault of the variant', async (t) => {
  const { url, meter } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const infer = `${url}/v2/models/model/infer`;
  const statusOf = async (...asked: Parameters<typeof call>) => {
    const { status, json } = await call(...asked);
    t.is(typeof json.error, 'string');
    return status;
  };
  t.is(await statusOf(infer, '{'), 400);
  t.is(await statusOf(infer, input([1])), 400);
  t.is(await statusOf(infer, input([1, 2], 'FP64')), 400);
  t.is(await statusOf(infer, input([1, 2], 'FP32', { outputs: [{ name: 'z' }] })), 400);
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const named = { name, shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    t.is(await statusOf(infer, JSON.stringify({ inputs: [named] })), 400, name);
    t.is(await statusOf(infer, input([1, 2], 'FP32', { outputs: [{ name }] })), 400, name);
  }
  t.is(await statusOf(infer, '{}', { 'inference-header-content-length': 'x' }), 400);
  t.is(await statusOf(`${url}/v2/models/other/infer`, input([1, 2])), 404);
  t.is(await statusOf(`${url}/v2/models/model/versions/9/infer`, input([1, 2])), 404);
  t.is(await statusOf(`${url}/v2/models/%zz`), 400);
  t.is(await statusOf(`${url}/elsewhere`), 404);
  t.is(await statusOf(infer, Buffer.alloc(bodyBytesMax + 1)), 413);
  t.is(meter.total().errors, 0);
});

test('nothing is lost when the variant is switched between requests under way', async (t) => {
  const path = await doublingModel(t, { dims: [1, 2] });
  const { url, switchTo, meter } = await serve(t, path, { instances: 2 });
  let over = false;
  let sent = 0;
  const versions = new Set<unknown>();
  const client = async (at: number) => {
    while (!over) {
      const { status, json } = await call(`${url}/v2/models/model/infer`, input([at, 1]));
      sent += 1;
      versions.add(json.model_version);
      t.is(status, 200, JSON.stringify(json));
    }
  };
  const clients = [1, 2, 3, 4].map(client);
  for (let version = 2; version <= 4; version++) await switchTo(path, version);
  over = true;
  await Promise.all(clients);
  t.is(meter.total().requests, sent);
  t.is(meter.total().errors, 0);
  t.true(versions.size >= 2);
});

test('metrics in the format of Prometheus', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const idle = String((await call(`${url}/metrics`)).json.text);
  checkMetrics(t, idle);
  t.notRegex(idle, /quantile=/, 'who was asked nothing has no latency');
  await call(`${url}/v2/models/model/infer`, input([1, 2]));
  const text = String((await call(`${url}/metrics`)).json.text);
  t.regex(text, /^fettle_latency_seconds\{quantile="0\.5"\} /m);
  t.regex(text, /^fettle_requests_total 1$/m);
  t.regex(text, /^fettle_latency_seconds_count 1$/m);
  t.regex(text, /^fettle_frequency_hertz 1500000000$/m);
  t.regex(text, /^fettle_throttled 0$/m);
  checkMetrics(t, text);
  t.regex(text, /^fettle_serving_info\{model="model",version="1",recipe="source",.*\} 1$/m);
  for (const line of text.trim().split('\n')) {
    t.regex(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [0-9.e+-]+)$/);
  }
});

test('a port in use is said with the setting that changes it', async (t) => {
  const { url, server } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const port = Number(new URL(url).port);
  const options = { host: '127.0.0.1', port, server, version: '0', bodyBytesMax };
  const doors = { report: () => null, connection: () => null, metrics: () => '', spans: null };
  const opening = openHttp({ ...options, ...doors });
  await t.throwsAsync(opening, { code: 'PORT_IN_USE', message: new RegExp(String(port)) });
});

test('values of a model may have any name, also that of a member of every object', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const { url } = await serve(t, await doublingModel(t, { dims: [1, 2], input: name }));
    const infer = `${url}/v2/models/model/infer`;
    const named = { name, shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    const { json } = await call(infer, JSON.stringify({ inputs: [named] }));
    t.like(json, { outputs: [{ name: 'y', data: [2, 4] }] }, name);
    const missing = await call(infer, JSON.stringify({ inputs: [] }));
    t.is(missing.status, 400, name);
  }
});

test('an input that is named twice is refused', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const one = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
  const body = JSON.stringify({ inputs: [one, { ...one, data: [3, 4] }] });
  const { status, json } = await call(`${url}/v2/models/model/infer`, body);
  t.is(status, 400);
  t.regex(String(json.error), /x twice/);
});
