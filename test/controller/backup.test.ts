import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { digestOf } from '../../shared/digest.ts';
import { BackupRecord } from '../../shared/protocol/backup.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

const quick = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };
const post = (body?: object) => ({ method: 'POST', ...(body ? { body } : {}) }) as const;

test('a backup of a running controller is restored; devices that are ahead follow', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1' });
  const first = await test.client.call(RolloutRecord, '/api/v1/rollouts', post(quick));
  await device.goal(1);
  const backup = await test.client.call(BackupRecord, '/api/v1/backups', post());
  t.true(backup.files >= 3, 'the model and its data');
  t.is(statSync(backup.path).mode & 0o077, 0, 'it holds secrets');
  // What happens after the backup is lost to the controller, not to the device.
  await test.client.call(RolloutRecord, `/api/v1/rollouts/${first.id}/rollback`, post());
  await device.goal(2);
  const saved = join(temporaryFolder(t), 'saved');
  await cp(backup.path, saved, { recursive: true });
  await test.stop();

  const data = join(temporaryFolder(t), 'restored');
  const args = ['controller', 'restore', saved, '--data', data];
  const restored = await fettle(args, { home: temporaryFolder(t) });
  t.is(restored.code, 0, restored.stderr);
  const ports = { port: new URL(url).port, brokerPort: new URL(test.controller.brokerUrl).port };
  const again = await startTestController(t, { data, ...ports });
  await until('the device back', () => device.bus.connected);
  await device.report('idle');
  // It knows revision 2, the restored database only 1: it is told again, above both.
  const goal = await device.goal(3);
  t.is(goal.model?.version, 1);
  t.is((await again.client.call(RolloutRecord, `/api/v1/rollouts/${first.id}`)).id, first.id);
});

test('a backup that was changed, or is not whole, is refused and nothing is made', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  await test.stop();
  const home = temporaryFolder(t);
  const made = await fettle(['controller', 'backup', '--data', test.folder, '--json'], { home });
  t.is(made.code, 0, made.stderr);
  const { path } = JSON.parse(made.stdout);
  t.deepEqual(
    readdirSync(join(test.folder, 'backups')).filter((name) => name.endsWith('.partial')),
    [],
  );
  const data = join(temporaryFolder(t), 'restored');
  const refused = async (change: (copy: string) => Promise<void>) => {
    const copy = join(temporaryFolder(t), 'copy');
    await cp(path, copy, { recursive: true });
    await change(copy);
    const run = await fettle(['controller', 'restore', copy, '--data', data], { home });
    t.false(existsSync(data));
    return run.stderr;
  };
  const blobs = (copy: string) => join(copy, 'blobs', 'sha256');
  const aFile = (copy: string) => {
    const [part = ''] = readdirSync(blobs(copy));
    const [name = ''] = readdirSync(join(blobs(copy), part));
    return join(blobs(copy), part, name);
  };
  t.regex(await refused((copy) => writeFile(aFile(copy), 'other')), /DIGEST_MISMATCH/);
  t.regex(await refused((copy) => rm(aFile(copy))), /FILE_MISSING: 1 of 3 files/);
  t.regex(await refused((copy) => writeFile(join(copy, 'fettle.db'), '')), /DIGEST_MISMATCH/);
  t.regex(await refused((copy) => rm(join(copy, 'backup.json'))), /FILE_MISSING/);
  const full = await fettle(['controller', 'restore', path, '--data', test.folder], { home });
  t.regex(full.stderr, /CONFLICT: .* is not empty/);
});

test('a file that nothing names is collected a day later, one that is named never', async (t) => {
  const test = await startTestController(t);
  const { digest } = await pushTiny(test, temporaryFolder(t));
  await test.stop();
  const blobs = join(test.folder, 'blobs', 'sha256');
  const pathOf = (name: string) => join(blobs, name.slice(7, 9), name.slice(7));
  const stray = digestOf('stray');
  const young = digestOf('young');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  for (const name of [stray, young]) {
    await cp(pathOf(digest), pathOf(name), { recursive: true });
    writeFileSync(pathOf(name), name === stray ? 'stray' : 'young');
  }
  for (const name of [stray, digest]) utimesSync(pathOf(name), yesterday, yesterday);
  await startTestController(t, { data: test.folder });
  await until('it collected', () => !existsSync(pathOf(stray)));
  t.true(existsSync(pathOf(young)));
  t.true(existsSync(pathOf(digest)));
});
