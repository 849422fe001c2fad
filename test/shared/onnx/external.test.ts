import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FettleError } from '../../../shared/errors.ts';
import type { Tensor } from '../../../shared/onnx/graph.ts';
import { readModel, readModelFile } from '../../../shared/onnx/read.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { graphOf, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';

const values = Float32Array.of(1, 2, 3, 4);

/** A folder with `model/model.onnx`, whose weights are where `entries` says, and data files. */
async function place(t: ExecutionContext, entries: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-external-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const inside = join(folder, 'model');
  await mkdir(join(inside, 'parts'), { recursive: true });
  const data = Buffer.concat([Buffer.alloc(8), Buffer.from(values.buffer)]);
  await writeFile(join(inside, 'weights.bin'), data);
  await writeFile(join(inside, 'parts', 'weights.bin'), data);
  await writeFile(join(folder, 'secret.bin'), data);
  const external = new Map(Object.entries(entries));
  const w: Tensor = { type: 'float', dims: [4], bytes: new Uint8Array(0), external };
  const nodes = [nodeOf('Add', { inputs: ['x', 'w'], outputs: ['y'] })];
  const inputs = [valueNamed('x', [4])];
  const graph = graphOf({ nodes, inputs, outputs: ['y'], initializers: { w } });
  const path = join(inside, 'model.onnx');
  await writeFile(path, writeModel(modelOf(graph)));
  return { folder, inside, path };
}

for (const location of ['weights.bin', './weights.bin', 'parts/weights.bin']) {
  test(`read from ${location} and written as one file`, async (t) => {
    const { path } = await place(t, { location, offset: '8', length: '16' });
    const model = await readModelFile(path);
    const whole = readModel(writeModel(model)).graph.initializers.get('w');
    t.deepEqual(Buffer.from(whole?.bytes ?? []), Buffer.from(values.buffer));
    t.is(whole?.external, undefined);
  });
}

const attacks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'the folder above': { location: '../secret.bin' },
  'the folder above from a folder': { location: 'parts/../../secret.bin' },
  'an absolute path': { location: '/etc/hostname' },
  'a backslash path': { location: '..\\secret.bin' },
  'no location': { offset: '0' },
  'a null byte': { location: 'weights.bin\0.txt' },
  'the folder itself': { location: '.' },
  'a folder': { location: 'parts' },
  'a missing file': { location: 'none.bin' },
  'an offset behind the end': { location: 'weights.bin', offset: '20', length: '16' },
  'an enormous offset': { location: 'weights.bin', offset: '900000000000000', length: '16' },
  'a negative offset': { location: 'weights.bin', offset: '-8', length: '16' },
  'an offset that is no number': { location: 'weights.bin', offset: '0x8', length: '16' },
  'a length that is not the tensor': { location: 'weights.bin', length: '12' },
};

for (const [name, entries] of Object.entries(attacks)) {
  test(`refused: ${name}`, async (t) => {
    const { path } = await place(t, entries);
    const error = await t.throwsAsync(readModelFile(path), { instanceOf: FettleError });
    t.is(error?.code, 'ONNX_EXTERNAL_DATA', error?.message);
  });
}

test('refused: a link out of the folder; a link within is followed', async (t) => {
  const { folder, inside, path } = await place(t, { location: 'link.bin', offset: '8' });
  await symlink(join(inside, 'weights.bin'), join(inside, 'link.bin'));
  t.is((await readModelFile(path)).graph.initializers.get('w')?.bytes.byteLength, 16);
  await rm(join(inside, 'link.bin'));
  await symlink(join(folder, 'secret.bin'), join(inside, 'link.bin'));
  await t.throwsAsync(readModelFile(path), { message: /link out of the folder/ });
});

test('refused at once: a pipe that nobody writes to', async (t) => {
  const { inside, path } = await place(t, { location: 'pipe' });
  execFileSync('mkfifo', [join(inside, 'pipe')]);
  await t.throwsAsync(readModelFile(path), { message: /no regular file/ });
});

test('bytes alone have no folder to read from', (t) => {
  const external = new Map([['location', 'weights.bin']]);
  const w: Tensor = { type: 'float', dims: [4], bytes: new Uint8Array(0), external };
  const nodes = [nodeOf('Identity', { inputs: ['w'], outputs: ['y'] })];
  const bytes = writeModel(modelOf(graphOf({ nodes, outputs: ['y'], initializers: { w } })));
  const error = t.throws(() => readModel(bytes), { instanceOf: FettleError });
  t.is(error?.code, 'ONNX_EXTERNAL_DATA');
});
