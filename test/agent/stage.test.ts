/** A version of the agent on its way onto the disk: whole under its name, or not there. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Identity } from '../../agent/enrol.ts';
import { stageVersion } from '../../agent/update/stage.ts';
import { openVersions, type Versions, versionName } from '../../agent/update/versions.ts';
import { type Digest, digestOfFile } from '../../shared/digest.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { cutServer, goodServer } from '../support/file-server.ts';
import { type SmallBundle, writeBundle } from '../support/install/bundles.ts';

const version = '1.1.0';
const wrong = { 'bin/fettle': `sha256:${'0'.repeat(64)}` };

test('it is unpacked beside what runs, and what a power cut left is no hindrance', async (t) => {
  const { versions, name, path, digest } = await prepare(t);
  await mkdir(join(versions.folder, `.${name}.new`, 'bin'), { recursive: true });
  writeFileSync(join(versions.folder, `.${name}.new`, 'bin', 'half'), 'half');
  const { url } = await goodServer(t, readFileSync(path));
  await stage(versions, { url, digest, bytes: readFileSync(path).length });
  t.deepEqual(readdirSync(versions.folder), [name]);
  t.true(await versions.has(name));
  const inside = readdirSync(join(versions.folder, name)).sort();
  t.deepEqual(inside, ['bin', 'bundle.digest', 'deploy', 'manifest.json']);
});

test('a download that breaks off goes on where it broke', async (t) => {
  const { versions, name, path, digest } = await prepare(t);
  const bytes = readFileSync(path);
  const { url, ranges } = await cutServer(t, bytes, Math.ceil(bytes.length / 3));
  await stage(versions, { url, digest, bytes: bytes.length });
  t.true(await versions.has(name));
  t.is(ranges.length, 3);
});

test('a bundle that is not as its manifest says is refused, and nothing is left', async (t) => {
  const { versions, path, digest } = await prepare(t, { manifest: wrong });
  const { url } = await goodServer(t, readFileSync(path));
  const asked = { url, digest, bytes: readFileSync(path).length };
  const thrown = await t.throwsAsync(stage(versions, asked));
  t.regex(thrown.message, /agent 1\.1\.0: its file bin\/fettle is not as packed/);
  t.deepEqual(
    readdirSync(versions.folder).filter((name) => !name.endsWith('.tar.zst')),
    [],
  );
});

async function prepare(t: ExecutionContext, bundle: Pick<SmallBundle, 'manifest'> = {}) {
  const folder = temporaryFolder(t);
  const at = join(folder, 'versions');
  await mkdir(at);
  const versions = openVersions({ FETTLE_VERSIONS: at, FETTLE_VERSION: '1.0.0-aaaaaaaaaaaa' });
  if (!versions) throw new Error('the environment names versions');
  const { path, digest } = await writeBundle(join(folder, 'x.tar.zst'), { version, ...bundle });
  t.is(await digestOfFile(path), digest);
  return { versions, path, digest, name: versionName(version, digest) };
}

function stage(
  versions: Versions,
  { url, digest, bytes }: { url: string; digest: Digest; bytes: number },
): Promise<void> {
  const release = {
    ...{ v: 1 as const, device: 'pi', revision: 1, at: '2026-01-01T00:00:00.000Z', rollout: null },
    ...{ release: 2, version, digest, bytes, healthySeconds: 60 },
    signature: { keyId: '', ed25519: '' },
  };
  const mqtt = { url: '', username: '', password: '' };
  const identity: Identity = {
    device: 'pi',
    deviceToken: 't',
    controllerKey: '',
    mqtt,
    controller: url,
  };
  return stageVersion({ release, versions, identity, signal: AbortSignal.timeout(60_000) });
}
