/** What an agent does about itself, and what a version on trial has to show. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { planUpdate, type UpdateFacts, unproven } from '../../agent/update/decide.ts';
import { openVersions, versionName } from '../../agent/update/versions.ts';
import { digestOf } from '../../shared/digest.ts';
import type { Release } from '../../shared/protocol/messages.ts';
import { temporaryFolder } from '../support/fettle.ts';

const wanted = digestOf('wanted');
const release: Release = {
  ...{ v: 1, device: 'pi', revision: 3, at: '2026-01-01T00:00:00.000Z', rollout: null },
  ...{ release: 2, version: '1.1.0', digest: wanted, bytes: 10, healthySeconds: 60 },
  signature: { keyId: '', ed25519: '' },
};
const rest: UpdateFacts = { running: digestOf('old'), onTrial: false, staged: false, failed: null };

const cases = [
  ['nothing is wanted', null, {}, 'rest'],
  ['it runs', release, { running: wanted }, 'rest'],
  ['it is not here', release, {}, 'stage'],
  ['it is here', release, { staged: true }, 'switch'],
  ['it failed', release, { staged: true, failed: { revision: 3, due: false } }, 'rest'],
  ['it failed and is due again', release, { failed: { revision: 3, due: true } }, 'stage'],
  ['an older revision failed', release, { failed: { revision: 2, due: false } }, 'stage'],
  ['on trial, whatever is wanted', release, { onTrial: true }, 'prove'],
  ['on trial, and nothing is wanted', null, { onTrial: true }, 'prove'],
] as const;

for (const [what, document, facts, step] of cases) {
  test(`${what}: ${step}`, (t) => {
    t.is(planUpdate(document, { ...rest, ...facts }).step, step);
  });
}

test('a version has proven itself when it is connected and serves what was served', (t) => {
  t.regex(unproven({ connected: false, served: null, serves: null }) ?? '', /not connected/);
  t.regex(unproven({ connected: true, served: 'a', serves: null }) ?? '', /what served before/);
  t.is(unproven({ connected: true, served: 'a', serves: 'a' }), null);
  t.is(unproven({ connected: true, served: null, serves: null }), null);
});

test('a trial that ends well is the current version, and nothing else is left', async (t) => {
  const folder = temporaryFolder(t);
  const [before, own] = ['1.0.0-aaaaaaaaaaaa', versionName('1.1.0', wanted)];
  for (const name of [before, own]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, own, 'bundle.digest'), `${wanted}\n`);
  symlinkSync(before, join(folder, 'current'));
  writeFileSync(join(folder, '.1.1.0.tar.zst.part'), 'half');
  const env = { FETTLE_VERSIONS: folder, FETTLE_VERSION: before };
  const old = openVersions(env);
  t.is(old?.digest, null);
  await old?.startTrial(own, 59.5);
  t.is(readFileSync(join(folder, 'trial'), 'utf8'), `${own} 60 0\n`);
  t.is(readlinkSync(join(folder, 'current')), before);

  const versions = openVersions({ ...env, FETTLE_VERSION: own, FETTLE_TRIAL: 'yes' });
  t.is(versions?.digest, wanted);
  t.true(versions?.onTrial());
  await versions?.endTrial();
  t.false(versions?.onTrial());
  t.is(readlinkSync(join(folder, 'current')), own);
  await versions?.keepOnly([own]);
  t.deepEqual(readdirSync(folder).sort(), [own, 'current']);
});

test('an agent that no launcher has started knows no versions', (t) => {
  t.is(openVersions({}), null);
});
