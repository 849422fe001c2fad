/** Requests whose bodies are compressed, as tritonclient and others send them. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { doublingModel } from '../../support/arithmetic.ts';
import { bodyBytesMax, serve } from '../../support/serving.ts';

const input = JSON.stringify({
  inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2.5] }],
});

test('a compressed request is inflated: JSON and binary tensors, gzip and deflate', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const path = `${url}/v2/models/model/infer`;
  const header = Buffer.from(
    JSON.stringify({
      inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }],
    }),
  );
  const binary = Buffer.concat([header, Buffer.from(new Float32Array([1, 2.5]).buffer)]);
  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const) {
    const headers = { 'content-encoding': encoding };
    const json = await fetch(path, { method: 'POST', headers, body: pack(input) });
    t.is(json.status, 200, encoding);
    const { outputs } = JSON.parse(await json.text());
    t.deepEqual(outputs[0].data, [2, 5]);
    // The length of the JSON is that before compression, as tritonclient says it.
    const split = { ...headers, 'inference-header-content-length': String(header.length) };
    const raw = await fetch(path, { method: 'POST', headers: split, body: pack(binary) });
    t.is(raw.status, 200, `${encoding}, binary`);
  }
});

test('a bomb is refused at the limit, rubbish and other encodings with their reason', async (t) => {
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const path = `${url}/v2/models/model/infer`;
  const bomb = gzipSync(Buffer.alloc(64 * bodyBytesMax, ' '));
  t.true(bomb.length < bodyBytesMax);
  const cases: readonly (readonly [string, Buffer, number, RegExp])[] = [
    ['gzip', bomb, 413, /request body: \d+ bytes, at most 1048576/],
    ['gzip', Buffer.from(input), 400, /what its content-encoding says, got incorrect header/],
    ['gzip', gzipSync(input).subarray(0, 30), 400, /got unexpected end of file/],
    ['deflate', deflateRawSync(input), 400, /what its content-encoding says/],
    ['br', brotliCompressSync(input), 415, /content-encoding br: expected gzip, deflate, or none/],
    ['gzip, gzip', gzipSync(gzipSync(input)), 415, /content-encoding gzip, gzip: expected/],
  ];
  for (const [encoding, body, status, reason] of cases) {
    const headers = { 'content-encoding': encoding };
    const answer = await fetch(path, { method: 'POST', headers, body });
    t.is(answer.status, status, encoding);
    t.regex(await answer.text(), reason, encoding);
    if (status === 415) t.is(answer.headers.get('accept-encoding'), 'gzip, deflate');
  }
  const after = await fetch(path, { method: 'POST', body: input });
  t.is(after.status, 200, 'the agent serves on');
});
