import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadPackage, modelFileOf, packageOfModel } from '../../../shared/evaluate/package.ts';
import { productRoot } from '../../../shared/product.ts';
import { temporaryFolder } from '../../support/fettle.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);

/** A folder with `data/x.npz` and `package/model.onnx`, and the manifest given. */
async function folderWith(t: ExecutionContext, manifest: unknown): Promise<string> {
  const folder = temporaryFolder(t);
  await mkdir(join(folder, 'package'));
  await mkdir(join(folder, 'data'));
  await copyFile(fixture('echo.onnx'), join(folder, 'package/model.onnx'));
  await copyFile(fixture('stored.npz'), join(folder, 'data/x.npz'));
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  await writeFile(join(folder, 'package/fettle.json'), text);
  return join(folder, 'package');
}

test('the example is a package: by folder and by manifest', async (t) => {
  const folder = join(productRoot(), 'examples/digits');
  for (const path of [folder, join(folder, 'fettle.json')]) {
    const found = await loadPackage(path);
    t.is(found.manifest.name, 'digits');
    t.is(found.modelPath, join(folder, 'model.onnx'));
    t.is(found.calibrationPath, join(folder, 'calibration.npz'));
    t.is(found.evaluationPath, join(folder, 'evaluation.npz'));
    t.deepEqual(found.notes, []);
  }
});

test('data may lie outside the folder; what is absent is noted', async (t) => {
  const manifest = { name: 'm', model: 'model.onnx', calibration: '../data/x.npz' };
  const folder = await folderWith(t, manifest);
  const found = await loadPackage(folder);
  t.is(found.calibrationPath, join(folder, '../data/x.npz'));
  t.is(found.evaluationPath, null);
  t.regex(found.notes.join(), /^No evaluation data: /);
});

test('a bare model is a package that says what it does not get', async (t) => {
  const found = await loadPackage(fixture('float-between-qdq.onnx'));
  t.is(found.manifest.name, 'float-between-qdq');
  t.is(found.manifestPath, null);
  t.is(found.notes.length, 2);
});

test('where a model is asked for, a folder is its package', async (t) => {
  const folder = join(productRoot(), 'examples/digits');
  const path = join(folder, 'model.onnx');
  t.deepEqual(await packageOfModel(folder), await packageOfModel(path));
  t.deepEqual([await modelFileOf(folder), await modelFileOf(path)], [path, path]);
  await t.throwsAsync(packageOfModel(temporaryFolder(t)), { code: 'PACKAGE_INVALID' });
});

test('a model elsewhere is prepared as the named package says', async (t) => {
  const folder = await folderWith(t, {
    name: 'm',
    model: 'model.onnx',
    inputs: { x: { scale: 2 } },
  });
  const beside = await packageOfModel(join(folder, 'model.onnx'));
  t.deepEqual(beside.manifest.inputs, { x: { scale: 2 } });
  const elsewhere = await packageOfModel(fixture('echo.onnx'), join(folder, 'fettle.json'));
  t.deepEqual(elsewhere.manifest.inputs, { x: { scale: 2 } });
  t.is(elsewhere.modelPath, fixture('echo.onnx'));
  t.is((await packageOfModel(fixture('echo.onnx'))).manifestPath, null);
});

const model = 'model.onnx';
const refused: [string, unknown, RegExp][] = [
  ['no JSON', '{ name: ', /fettle\.json: not JSON: /],
  ['a name with a path', { name: '../x', model }, /name: expected a name of lower-case letters/],
  ['no model', { name: 'm' }, /fettle\.json: model: expected a text, got nothing/],
  ['a missing model', { name: 'm', model: 'no.onnx' }, /model no\.onnx: no such file/],
  [
    'a missing data set',
    { name: 'm', model, evaluation: '../data/none.npz' },
    /evaluation \.\.\/data\/none\.npz: no such file/,
  ],
  ['an unknown member', { name: 'm', model, calibrate: 'x.npz' }, /calibrate/],
  [
    'an unknown metric',
    { name: 'm', model, quality: { metric: 'map', maxDrop: 0.1 } },
    /quality\.metric: expected one of .*, got map/,
  ],
  [
    'one file for calibration and evaluation',
    { name: 'm', model, calibration: '../data/x.npz', evaluation: '../data/./x.npz' },
    /must not share samples/,
  ],
];

for (const [what, manifest, message] of refused) {
  test(`refused in one line: ${what}`, async (t) => {
    const folder = await folderWith(t, manifest);
    const error = await t.throwsAsync(loadPackage(folder), { code: 'PACKAGE_INVALID', message });
    t.false(error?.message.includes('\n'));
  });
}

test('refused: nothing there, or a folder without a manifest', async (t) => {
  await t.throwsAsync(loadPackage(fixture('nothing')), { code: 'FILE_MISSING' });
  await t.throwsAsync(loadPackage(import.meta.dirname), { code: 'PACKAGE_INVALID' });
});
