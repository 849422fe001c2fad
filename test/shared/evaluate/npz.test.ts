import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOfFile } from '../../../shared/digest.ts';
import { FettleError } from '../../../shared/errors.ts';
import {
  type NpyArray,
  openNpz,
  readArray,
  readRows,
  writeNpz,
} from '../../../shared/evaluate/npz.ts';
import { fromFloat16 } from '../../../shared/evaluate/tensor.ts';
import { createRandom } from '../../../shared/random.ts';
import { temporaryFolder } from '../../support/fettle.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);

const types = {
  f2: 'float16',
  f4: 'float',
  f8: 'double',
  i1: 'int8',
  u1: 'uint8',
  b1: 'bool',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
} as const;

for (const file of ['stored.npz', 'deflated.npz']) {
  test(`every type that numpy wrote is read from ${file}`, async (t) => {
    const npz = await openNpz(fixture(file));
    for (const [code, type] of Object.entries(types)) {
      const array = await readArray(npz, `a_${code}`);
      t.is(array.type, type);
      t.deepEqual(array.shape, [2, 3]);
      const numbers = Array.from(array.data, Number);
      const decoded = type === 'float16' ? numbers.map(fromFloat16) : numbers;
      t.deepEqual(decoded, type === 'bool' ? [0, 1, 1, 1, 1, 1] : [0, 1, 2, 3, 100, 127], type);
    }
  });
}

test('a scalar and an empty array are arrays', async (t) => {
  const npz = await openNpz(fixture('stored.npz'));
  t.like(await readArray(npz, 'scalar'), { shape: [], data: new Float32Array([1.5]) });
  t.like(await readArray(npz, 'empty'), { shape: [0, 4], data: new Float32Array(0) });
});

test('.npy versions 1 to 3 and ZIP64 sizes are read', async (t) => {
  const versions = await openNpz(fixture('versions.npz'));
  const zip64 = await openNpz(fixture('zip64.npz'));
  for (const [npz, name] of [
    [versions, 'v1'],
    [versions, 'v2'],
    [versions, 'v3'],
    [zip64, 'x'],
  ] as const) {
    const { shape, data } = await readArray(npz, name);
    t.deepEqual(shape, [10, 2, 3]);
    t.deepEqual(
      Array.from(data, Number),
      Array.from({ length: 60 }, (_, at) => at),
    );
  }
});

test('rows come in pieces of the size asked for', async (t) => {
  const npz = await openNpz(fixture('versions.npz'));
  const pieces: NpyArray[] = [];
  for await (const rows of readRows(npz, 'v1', 4)) pieces.push(rows);
  t.deepEqual(
    pieces.map(({ shape }) => shape),
    [
      [4, 2, 3],
      [4, 2, 3],
      [2, 2, 3],
    ],
  );
  t.deepEqual(
    Array.from(pieces[2]?.data ?? [], Number),
    [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59],
  );
});

const refused = {
  'fortran.npz': /Fortran order; save it with numpy\.ascontiguousarray/,
  'big-endian.npz': /big-endian type >f4; save it with \.astype\('<f4'\)/,
  'objects.npz': /Python objects are not accepted/,
  'structured.npz': /structured arrays are not accepted/,
  'text.npz': /type <U2 is not accepted/,
  'claims-10-gb.npz': /array x claims 10737418240 bytes and holds 4/,
  'single.npy': /it is a single \.npy array/,
  'echo.onnx': /it is no ZIP archive/,
};

for (const [file, reason] of Object.entries(refused)) {
  test(`${file} is refused in one line`, async (t) => {
    const error = await t.throwsAsync(openNpz(fixture(file)), { code: 'NPZ_INVALID' });
    t.regex(error?.message ?? '', reason);
    t.false(error?.message.includes('\n'));
  });
}

test('a missing file, too many bytes and an absent array are said', async (t) => {
  await t.throwsAsync(openNpz(fixture('nothing.npz')), { code: 'FILE_MISSING' });
  await t.throwsAsync(openNpz(fixture('stored.npz'), { maxBytes: 500 }), { code: 'TOO_LARGE' });
  const npz = await openNpz(fixture('versions.npz'));
  await t.throwsAsync(readArray(npz, 'v9'), { message: /no array v9; it holds v1,v2,v3/ });
});

test('a changed byte in the data is found by the checksum', async (t) => {
  const path = join(temporaryFolder(t), 'changed.npz');
  const bytes = await readFile(fixture('zip64.npz'));
  bytes.writeUInt8((bytes[200] ?? 0) ^ 1, 200);
  await writeFile(path, bytes);
  await t.throwsAsync(openNpz(path), { message: /x\.npy is damaged: its checksum is wrong/ });
});

test('what is written is read back, and equal arrays give equal bytes', async (t) => {
  const folder = temporaryFolder(t);
  const arrays = {
    'input:x': { type: 'float', shape: [2, 2], data: new Float32Array([1, -2, 3.5, 0]) },
    labels: { type: 'int64', shape: [2], data: new BigInt64Array([7n, -9n]) },
    one: { type: 'uint8', shape: [], data: new Uint8Array([5]) },
    half: { type: 'float16', shape: [1, 1], data: new Uint16Array([0x3c00]) },
  } as const;
  const [a, b, c] = ['a.npz', 'b.npz', 'c.npz'].map((name) => join(folder, name));
  if (a === undefined || b === undefined || c === undefined) return t.fail();
  await writeNpz(a, arrays);
  await writeNpz(b, arrays);
  await writeNpz(c, arrays, { compress: true });
  t.is(await digestOfFile(a), await digestOfFile(b));
  // Stored bytes depend on nothing but the content; NumPy has read the file of this digest.
  t.is(
    await digestOfFile(a),
    'sha256:fd38fe6a2372e6510d39ea479d00587c3c5da7a78b4cce67df21b09f7c46d54e',
  );
  for (const path of [a, c]) {
    const npz = await openNpz(path);
    for (const [name, array] of Object.entries(arrays)) {
      t.deepEqual(await readArray(npz, name), { ...array, shape: [...array.shape] }, name);
    }
  }
});

/** A seeded change: a byte flipped, a stretch overwritten, the end cut off, or a part doubled. */
function mutate(original: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const place = () => Math.floor(random() * bytes.length);
  const kind = Math.floor(random() * 5);
  if (kind === 0) bytes.writeUInt8(Math.floor(random() * 256), place());
  if (kind === 1) bytes.fill(random() < 0.5 ? 0xff : 0, place(), place());
  if (kind === 2) return bytes.subarray(0, place());
  if (kind === 3) return Buffer.concat([bytes.subarray(0, place()), bytes.subarray(place())]);
  // The directory and the end of the archive are where sizes are claimed.
  const tail = Math.max(0, bytes.length - 1 - Math.floor(random() * 200));
  if (kind === 4) bytes.writeUInt8(Math.floor(random() * 256), tail);
  return bytes;
}

async function readEverything(path: string): Promise<void> {
  const npz = await openNpz(path, { maxBytes: 64 << 20 });
  for (const name of npz.arrays.keys()) await readArray(npz, name);
}

async function fuzz(t: ExecutionContext, file: string, count: number): Promise<void> {
  const path = join(temporaryFolder(t), 'mutated.npz');
  const original = await readFile(fixture(file));
  const random = createRandom(count);
  const outcomes = { read: 0, refused: 0 };
  for (let run = 0; run < count; run++) {
    await writeFile(path, mutate(original, random));
    try {
      await readEverything(path);
      outcomes.read += 1;
    } catch (thrown) {
      if (!(thrown instanceof FettleError)) throw thrown;
      t.regex(thrown.code, /^(NPZ_INVALID|TOO_LARGE)$/);
      outcomes.refused += 1;
    }
  }
  t.true(outcomes.refused > count / 4, 'the changes reached what is checked');
  t.is(outcomes.read + outcomes.refused, count);
}

const mutations = Number(process.env.FETTLE_FUZZ ?? 150);

for (const file of ['stored.npz', 'deflated.npz', 'zip64.npz']) {
  test(`mutated ${file} is read or refused with a typed error`, fuzz, file, mutations);
}
