import { readFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import test from 'ava';
import { type ErrorCode, FettleError } from '../../../shared/errors.ts';
import { numbersOf } from '../../../shared/onnx/elements.ts';
import { inspectModel } from '../../../shared/onnx/inspect.ts';
import { readModel, readModelFile } from '../../../shared/onnx/read.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { createRandom } from '../../../shared/random.ts';
import { graphOf, ints, modelOf, nodeOf, valueNamed, zeros } from '../../support/graphs.ts';
import { sharedModel, sharedModelOrSkip } from '../../support/models.ts';

const malformed: Readonly<Record<string, readonly [ErrorCode, RegExp] | 'valid'>> = {
  'cycle.onnx': ['ONNX_INVALID', /cycle: .+ → /],
  'empty.onnx': ['ONNX_INVALID', /empty/],
  'ext_missing_file.onnx': ['ONNX_EXTERNAL_DATA', /nope\.bin: no such file/],
  'ext_path_traversal.onnx': ['ONNX_EXTERNAL_DATA', /inside the folder/],
  'html_404.onnx': ['ONNX_INVALID', /web page/],
  'initializer_raw_short.onnx': ['ONNX_INVALID', /needs 2304 bytes, got 2296/],
  'lfs_pointer.onnx': ['ONNX_INVALID', /Git LFS pointer, fetch the real file/],
  'missing_initializer.onnx': ['ONNX_INVALID', /"conv_2d_3_B", which nothing makes/],
  'opset_999.onnx': ['ONNX_UNSUPPORTED', /opset 999/],
  'truncated_half.onnx': ['ONNX_INVALID', /cut short/],
  'unknown_op.onnx': ['ONNX_UNSUPPORTED', /FancyRelu does not exist/],
  'weights_nan.onnx': 'valid',
  'weights_zero_channel.onnx': 'valid',
};

for (const [name, expected] of Object.entries(malformed)) {
  test(`malformed: ${name}`, async (t) => {
    const path = sharedModelOrSkip(t, `malformed/${name}`);
    if (path === null) return;
    if (expected === 'valid') {
      t.true((await readModelFile(path)).graph.nodes.length > 0);
      return;
    }
    const error = await t.throwsAsync(readModelFile(path), { instanceOf: FettleError });
    t.is(error?.code, expected[0]);
    t.regex(error?.message ?? '', expected[1]);
    t.true(error?.message.includes(path), 'the file is named');
  });
}

const small = modelOf(
  graphOf({
    nodes: [
      nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, ['pads', ints(1, 1, 1, 1)]),
      nodeOf('Relu', { inputs: ['y'], outputs: ['z'] }),
    ],
    inputs: [valueNamed('x', ['N', 3, 8, 8])],
    outputs: ['z'],
    initializers: { w: zeros([4, 3, 3, 3]) },
  }),
);

test('a damaged file is a typed error or a valid model, never a crash', (t) => {
  const random = createRandom(20260);
  const below = (limit: number) => Math.floor(random() * limit);
  const real = sharedModel('other/resnet8-ort-qoperator.onnx');
  const sources = [Buffer.from(writeModel(small)), ...(real ? [readFileSync(real)] : [])];
  const seen = { valid: 0, refused: 0 };
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(sources[round % sources.length] ?? []);
    for (let change = 0; change <= round % 3; change++) {
      bytes[below(Math.min(bytes.length, 2000))] = below(256);
    }
    const end = round % 10 === 0 ? below(bytes.length) : bytes.length;
    try {
      inspectModel(readModel(bytes.subarray(0, end)));
      seen.valid += 1;
    } catch (thrown) {
      if (!(thrown instanceof FettleError)) throw thrown;
      seen.refused += 1;
    }
  }
  t.true(seen.valid > 100 && seen.refused > 100, JSON.stringify(seen));
});

test('elements are the same bytes whichever field they came in', (t) => {
  const packed = (field: number, body: (writer: BinaryWriter) => BinaryWriter) =>
    new BinaryWriter()
      .tag(field, WireType.LengthDelimited)
      .bytes(body(new BinaryWriter()).finish());
  const rows: readonly [number, BinaryWriter, number[]][] = [
    [1, packed(4, (w) => w.float(1.5).float(-2)), [1.5, -2]],
    [
      1,
      new BinaryWriter().tag(4, WireType.Bit32).float(1.5).tag(4, WireType.Bit32).float(-2),
      [1.5, -2],
    ],
    [11, packed(10, (w) => w.double(0.1).double(3)), [0.1, 3]],
    [7, packed(7, (w) => w.int64(-1).int64(2 ** 40)), [-1, 2 ** 40]],
    [6, packed(5, (w) => w.int32(-7).int32(8)), [-7, 8]],
    [3, packed(5, (w) => w.int32(-7).int32(8)), [-7, 8]],
    [2, packed(5, (w) => w.int32(200).int32(8)), [200, 8]],
    [10, packed(5, (w) => w.int32(0x3c00).int32(0xc000)), [1, -2]],
    [12, packed(11, (w) => w.uint64(4e9).uint64(1)), [4e9, 1]],
    [13, packed(11, (w) => w.uint64(2 ** 50).uint64(1)), [2 ** 50, 1]],
  ];
  for (const [code, data, expected] of rows) {
    const tensor = new BinaryWriter().tag(1, WireType.Varint).int64(2);
    tensor.tag(2, WireType.Varint).int32(code).tag(8, WireType.LengthDelimited).string('w');
    const message = Buffer.concat([tensor.finish(), data.finish()]);
    const file = fileWithInitializer(message);
    const read = readModel(file).graph.initializers.get('w');
    t.deepEqual(read && numbersOf(read), expected, `type ${code}`);
  }
});

/** A model whose first initializer is the given `TensorProto`. */
function fileWithInitializer(tensor: Uint8Array): Uint8Array {
  const graph = graphOf({
    nodes: [nodeOf('Identity', { inputs: ['w'], outputs: ['y'] })],
    outputs: ['y'],
  });
  const empty = modelOf({ ...graph, kept: [field(5, tensor)] });
  return writeModel(empty);
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
}

test('graphs nested without end are refused', (t) => {
  let graph = graphOf({ nodes: [], outputs: ['x'], inputs: [valueNamed('x', [])] });
  for (let depth = 0; depth < 100; depth++) {
    const node = nodeOf('If', { inputs: ['x'], outputs: ['y'] }, [
      'then_branch',
      { kind: 'graph', value: graph },
    ]);
    graph = graphOf({ nodes: [node], outputs: ['y'], inputs: [valueNamed('x', [])] });
  }
  t.throws(() => readModel(writeModel(modelOf(graph))), { message: /nest deeper/ });
});

test('a file above two gigabytes is refused by its size', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-read-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'large.onnx');
  const file = await open(path, 'w');
  await file.truncate(2 ** 31);
  await file.close();
  const error = await t.throwsAsync(readModelFile(path), { instanceOf: FettleError });
  t.is(error?.code, 'TOO_LARGE');
});

test('a file is read like its bytes, and a missing one is named', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-read-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'model.onnx');
  await writeFile(path, writeModel(small));
  t.deepEqual(await readModelFile(path), readModel(await readFile(path)));
  await t.throwsAsync(readModelFile(join(folder, 'none.onnx')), { message: /no such file/ });
  await t.throwsAsync(readModelFile(folder), { message: /no regular file/ });
  await t.throwsAsync(readModelFile('/dev/zero'), { message: /no regular file/ });
});
