import test from 'ava';
import { readRequest } from '../../../../agent/serve/inference/request.ts';
import { joinRuns, planRuns } from '../../../../agent/serve/inference/runs.ts';

const none = new Uint8Array(0);
const input = (more: object) => ({
  inputs: [{ name: 'x', shape: [2, 2], datatype: 'FP32', ...more }],
});

const numbers = [
  { datatype: 'FP32', type: 'float', data: [0.5, -1, 3, 4] },
  { datatype: 'FP64', type: 'double', data: [0.5, -1, 3, 4] },
  { datatype: 'INT8', type: 'int8', data: [-128, 0, 1, 127] },
  { datatype: 'UINT8', type: 'uint8', data: [0, 1, 2, 255] },
  { datatype: 'INT16', type: 'int16', data: [-32768, 0, 1, 32767] },
  { datatype: 'INT32', type: 'int32', data: [-(2 ** 31), 0, 1, 2 ** 31 - 1] },
] as const;

for (const { datatype, type, data } of numbers) {
  test(`${datatype} in JSON, flat and nested`, (t) => {
    const flat = readRequest(input({ datatype, data }), none).inputs.x;
    const [a, b, c, d] = data;
    const nested = readRequest(
      input({
        datatype,
        data: [
          [a, b],
          [c, d],
        ],
      }),
      none,
    ).inputs.x;
    t.is(flat?.type, type);
    t.deepEqual(Array.from(flat?.data ?? [], Number), [...data]);
    t.deepEqual(flat, nested);
  });
}

test('INT64 in JSON, FP16 as its bits, BOOL as truth values, BYTES as text', (t) => {
  const read = (datatype: string, data: unknown[]) =>
    readRequest(input({ datatype, data, shape: [2] }), none).inputs.x?.data;
  t.deepEqual(read('INT64', [-5, 2 ** 40]), BigInt64Array.of(-5n, 2n ** 40n));
  t.deepEqual(read('FP16', [1, -2]), Uint16Array.of(0x3c00, 0xc000));
  t.deepEqual(read('BOOL', [true, false]), Uint8Array.of(1, 0));
  t.deepEqual(read('BYTES', ['a', 'ü']), ['a', 'ü']);
});

test('raw tensors are views of the body where they lie aligned, copies where not', (t) => {
  const body = new Uint8Array(new ArrayBuffer(24));
  const floats = new Float32Array(body.buffer, 0, 4);
  floats.set([1, 2, 3, 4]);
  const binary = { parameters: { binary_data_size: 16 } };
  const aligned = readRequest(input(binary), body.subarray(0, 16)).inputs.x;
  t.deepEqual(aligned?.data, floats);
  t.true(!Array.isArray(aligned?.data) && aligned?.data.buffer === body.buffer);
  const shifted = new Uint8Array(new ArrayBuffer(17)).subarray(1);
  shifted.set(body.subarray(0, 16));
  t.deepEqual(readRequest(input(binary), shifted).inputs.x?.data, floats);
});

test('raw tensors lie one behind the other, text behind its length', (t) => {
  const tail = new Uint8Array(new ArrayBuffer(4 + 4 + 2));
  new DataView(tail.buffer).setFloat32(0, 1.5, true);
  new DataView(tail.buffer).setUint32(4, 2, true);
  tail.set(Buffer.from('ü'), 8);
  const raw = (size: number) => ({ shape: [1], parameters: { binary_data_size: size } });
  const inputs = [
    { name: 'a', datatype: 'FP32', ...raw(4) },
    { name: 'b', datatype: 'BYTES', ...raw(6) },
  ];
  const request = readRequest({ inputs }, tail);
  t.deepEqual(request.inputs.a?.data, Float32Array.of(1.5));
  t.deepEqual(request.inputs.b?.data, ['ü']);
});

test('which outputs go raw', (t) => {
  const outputs = [{ name: 'a', parameters: { binary_data: false } }, { name: 'b' }];
  const parameters = { binary_data_output: true };
  const document = { ...input({ data: [1, 2, 3, 4] }), outputs, parameters };
  const request = readRequest(document, none);
  t.deepEqual(request.outputs, [
    { name: 'a', binary: false },
    { name: 'b', binary: true },
  ]);
  t.true(readRequest({ ...document, outputs: undefined }, none).binary);
});

const bad: Readonly<Record<string, unknown>> = {
  'no object': 7,
  'no inputs': {},
  'no data': input({}),
  'too few numbers': input({ data: [1, 2, 3] }),
  'too many numbers': input({ data: [1, 2, 3, 4, 5] }),
  'words for numbers': input({ data: ['1', '2', '3', '4'] }),
  'a number beyond its type': input({ datatype: 'INT8', data: [1, 2, 3, 128] }),
  'half an integer': input({ datatype: 'INT64', data: [1, 2, 3, 0.5] }),
  'an unknown datatype': input({ datatype: 'FP8', data: [1, 2, 3, 4] }),
  'a negative shape': input({ shape: [-2, -2], data: [1, 2, 3, 4] }),
  'a huge shape': input({ shape: [2 ** 20, 2 ** 20], data: [] }),
  'raw bytes that did not come': input({ parameters: { binary_data_size: 16 } }),
  'text that is cut off': input({ datatype: 'BYTES', parameters: { binary_data_size: 0 } }),
};

for (const [what, document] of Object.entries(bad)) {
  test(`${what}: refused with what was expected`, (t) => {
    t.throws(() => readRequest(document, none), { code: 'BAD_ARGUMENT', message: /expected/ });
  });
}

const signature = [{ name: 'x', type: 'float', shape: [1, 2] }];
const tensor = (dims: number[]) => ({
  type: 'float' as const,
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => at),
});

test('a batch is cut into the runs of a fixed batch, and joined again', (t) => {
  const runs = planRuns(signature, { x: tensor([3, 2]) });
  t.is(runs.count, 3);
  const parts = [0, 1, 2].map((at) => runs.feeds(at));
  t.deepEqual(parts[2]?.x, { type: 'float', dims: [1, 2], data: Float32Array.of(4, 5) });
  t.deepEqual(joinRuns(parts).x, tensor([3, 2]));
});

test('inputs without the batch are given to every run', (t) => {
  const two = [...signature, { name: 'scale', type: 'float', shape: [1] }];
  const runs = planRuns(two, { x: tensor([2, 2]), scale: tensor([1]) });
  t.is(runs.count, 2);
  const [first, second] = [runs.feeds(0), runs.feeds(1)];
  t.deepEqual(first.scale, second.scale);
  t.not(first.scale?.data, second.scale?.data, 'each run owns its memory');
});

test('an open batch is one run', (t) => {
  t.is(planRuns([{ name: 'x', type: 'float', shape: [-1, 2] }], { x: tensor([5, 2]) }).count, 1);
});

const misfits = {
  'another type': { x: { ...tensor([1, 2]), type: 'double' as const } },
  'another rank': { x: tensor([2]) },
  'another shape': { x: tensor([1, 3]) },
  'an input that the model does not have': { x: tensor([1, 2]), z: tensor([1]) },
  'an input that is missing': {},
  'an empty batch': { x: tensor([0, 2]) },
};

for (const [what, inputs] of Object.entries(misfits)) {
  test(`${what} does not fit`, (t) => {
    t.throws(() => planRuns(signature, inputs), { code: 'BAD_ARGUMENT' });
  });
}
