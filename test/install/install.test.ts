/** The install command as a device runs it, with a root and a service manager of its own. */
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { productRoot } from '../../shared/product.ts';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { kinds, pushRelease } from '../support/install/bundles.ts';
import { deviceOrSkip, type InstalledDevice } from '../support/install/device.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const scripts = join(productRoot(), 'deploy', 'device');
const limits = { timeoutMs: 180_000, everyMs: 100 };

test('one command installs; again it upgrades; uninstalled nothing is left', async (t) => {
  t.timeout(400_000);
  const device = await deviceOrSkip(t);
  if (!device) return;
  const fleet = await startTestController(t);
  const folder = temporaryFolder(t);
  const { url } = fleet.controller;
  await pushRelease(fleet, folder, { version: '1.0.0' });
  const token = await fleet.enrolmentToken();

  const first = await device.install(url, '--token', token, '--name', 'pi', ...portOf(device));
  t.is(first.code, 0, first.text + device.log());
  t.regex(first.text, /pi runs the agent 1\.0\.0 and answers at http:\/\/127\.0\.0\.1:\d+/);
  await runs(fleet, '1.0.0');
  const settings = join(device.prefix, 'etc', 'fettle', 'agent.env');
  t.is(statSync(settings).mode & 0o777, 0o600);
  t.false(filesHolding(device.prefix, token), 'the token is kept nowhere');

  await pushRelease(fleet, folder, { version: '1.1.0' });
  appendFileSync(settings, 'FETTLE_AGENT_CORES=1\n');
  const second = await device.install(url, '--label', 'room=lab');
  t.is(second.code, 0, second.text + device.log());
  const kept = readFileSync(settings, 'utf8').trim().split('\n').toSorted();
  t.deepEqual(kept, [
    'FETTLE_AGENT_CORES=1',
    `FETTLE_AGENT_DATA=${join(device.prefix, 'var', 'lib', 'fettle')}`,
    `FETTLE_AGENT_HTTP_PORT=${device.port}`,
    'FETTLE_AGENT_LABEL=room=lab',
    'FETTLE_AGENT_NAME=pi',
    `FETTLE_VERSIONS=${device.versions}`,
  ]);
  t.is(statSync(settings).mode & 0o777, 0o600);
  t.regex(readlinkSync(join(device.versions, 'current')), /^1\.1\.0-/);
  await runs(fleet, '1.1.0');

  await pushRelease(fleet, folder, { version: '1.2.0', before: kinds.crashes });
  const broken = await device.install(url);
  t.is(broken.code, 1);
  t.regex(broken.text, /version 1\.1\.0-\w+ runs on: 1\.2\.0-\w+ it ended 3 times/);
  t.regex(readlinkSync(join(device.versions, 'current')), /^1\.1\.0-/);

  const gone = await device.install(url, '--uninstall');
  t.is(gone.code, 0, gone.text);
  t.deepEqual(readdirSync(device.prefix), []);
  t.is((await device.systemctl('is-active')).code, 1);
});

test('a bundle that was tampered with is refused, and a broken-off download goes on', async (t) => {
  t.timeout(300_000);
  const device = await deviceOrSkip(t);
  if (!device) return;
  const fleet = await startTestController(t);
  const { url } = fleet.controller;
  const release = await pushRelease(fleet, temporaryFolder(t), { version: '1.0.0' });
  const [bundle] = release.bundles;
  const hex = bundle?.digest.slice(7) ?? '';
  const stored = join(fleet.folder, 'blobs', findBlob(join(fleet.folder, 'blobs'), hex));
  const whole = readFileSync(stored);
  const tampered = Buffer.from(whole);
  tampered[tampered.length - 9] = (tampered.at(-9) ?? 0) ^ 1;
  writeFileSync(stored, tampered);
  const token = await fleet.enrolmentToken();
  const args = ['--token', token, ...portOf(device)];
  const refused = await device.install(url, ...args);
  t.is(refused.code, 1);
  t.regex(refused.text, /is not what the controller vouched for .*; it is thrown away/);
  t.deepEqual(readdirSync(device.versions), []);

  writeFileSync(stored, whole);
  const part = join(device.versions, `.1.0.0-${hex.slice(0, 12)}.tar.zst`);
  writeFileSync(part, whole);
  truncateSync(part, whole.length >> 1);
  const resumed = await device.install(url, ...args);
  t.is(resumed.code, 0, resumed.text + device.log());
});

test('what cannot be installed on is refused in one line, and nothing is changed', async (t) => {
  const fakes: readonly [Record<string, string>, RegExp][] = [
    [
      { uname: 'case $1 in -s) echo Linux ;; -m) echo armv7l ;; esac' },
      /processor is armv7l; 64-bit/,
    ],
    [{ getconf: 'echo 32' }, /32-bit on a 64-bit kernel/],
    [{ getconf: 'case $1 in LONG_BIT) echo 64 ;; *) exit 1 ;; esac' }, /not glibc \(musl/],
    [
      { getconf: 'case $1 in LONG_BIT) echo 64 ;; *) echo glibc 2.27 ;; esac' },
      /has glibc 2\.27; 2\.28/,
    ],
    [
      { uname: 'case $1 in -s) echo Linux ;; -m) echo aarch64 ;; -r) echo 4.9.337-tegra ;; esac' },
      /kernel is 4\.9/,
    ],
    [{ uname: 'echo Darwin' }, /this is Darwin; Linux/],
    [{ systemctl: 'echo offline; exit 1' }, /systemd is installed here and does not run/],
    [
      { sed: 'case $* in */proc/meminfo) echo 196608 ;; *) exec /usr/bin/sed "$@" ;; esac' },
      /: 192 MiB of memory; 230 MiB are needed/,
    ],
  ];
  const folder = temporaryFolder(t);
  for (const [index, [programs, expected]] of fakes.entries()) {
    const bin = join(folder, `bin-${index}`);
    const text = await refusal(bin, programs, join(folder, 'root'));
    t.regex(text, expected);
    t.is(text.trim().split('\n').length, 1, text);
  }
  t.deepEqual(
    readdirSync(folder).filter((name) => !name.startsWith('bin-')),
    [],
  );
});

test('too small a disk is refused before anything is written', async (t) => {
  const device = await deviceOrSkip(t);
  if (!device) return;
  const fleet = await startTestController(t);
  await pushRelease(fleet, temporaryFolder(t), { version: '1.0.0' });
  device.fake('df', 'echo Filesystem; echo "/dev/mmcblk0p2 99999 79519 20480 80% /"');
  const token = await fleet.enrolmentToken();
  const { code, text } = await device.install(fleet.controller.url, '--token', token);
  t.is(code, 1);
  t.regex(text, /^fettle: 20 MiB are free at \S+; \d+ MiB are needed for \S+\/opt\/fettle\n$/);
  t.deepEqual(readdirSync(device.prefix), []);
});

test('no release, and a token that is not known, are said in one line', async (t) => {
  const device = await deviceOrSkip(t);
  if (!device) return;
  const fleet = await startTestController(t);
  const { url } = fleet.controller;
  const token = await fleet.enrolmentToken();
  const none = await device.install(url, '--token', token);
  t.is(none.code, 1);
  t.regex(none.text, /an agent for (x64|arm64) \(fettle bundle .*\) not found/);
  const unknown = await device.install(url, '--token', 'fte_unknown');
  t.regex(unknown.text, /enrolment refused: unknown token/);
  t.is(unknown.code, 1);
});

test('the scripts are plain POSIX shell, and the unit holds', async (t) => {
  for (const name of ['install.sh', 'launch.sh']) await run('sh', ['-n', join(scripts, name)]);
  await whereThere(t, 'shellcheck', [
    '-s',
    'sh',
    join(scripts, 'install.sh'),
    join(scripts, 'launch.sh'),
  ]);
  const unit = join(scripts, 'fettle-agent.service');
  const said = await whereThere(t, 'systemd-analyze', ['security', '--offline=true', unit]);
  const exposure = Number(/exposure level for .*: (\d+\.\d)/.exec(said)?.[1] ?? 0);
  t.true(exposure < 3, `exposure ${exposure}`);
});

async function whereThere(t: ExecutionContext, program: string, args: string[]): Promise<string> {
  return await run(program, args).then(
    ({ stdout }) => stdout,
    (thrown: unknown) => {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
      t.log(`${program} is not installed`);
      return '';
    },
  );
}

function portOf({ port }: InstalledDevice): string[] {
  return ['--http-port', String(port)];
}

async function runs({ client }: TestController, version: string): Promise<void> {
  await until(
    `the fleet sees ${version}`,
    async () => {
      const [seen] = await listed(client);
      const agent = seen?.reported?.agent;
      return seen?.online && agent?.state === 'current' && agent.digest !== null;
    },
    limits,
  );
}

async function listed(client: TestController['client']): Promise<DeviceSummary[]> {
  const one = await client.call(DeviceSummary, '/api/v1/devices/pi').catch(() => null);
  return one ? [one] : [];
}

function filesHolding(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(text));
}

function findBlob(folder: string, hex: string): string {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return found.find((path) => path.replaceAll(/[/:-]/g, '').endsWith(hex)) ?? '';
}

/** What the script says with these programs in the place of the system's. */
async function refusal(bin: string, programs: Record<string, string>, prefix: string) {
  await run('mkdir', ['-p', bin]);
  for (const [name, script] of Object.entries({ systemctl: '', ...programs })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const args = [join(scripts, 'install.sh'), '--prefix', prefix, '--token', 'fte_x'];
  const env = { PATH: `${bin}:${process.env.PATH}` };
  return await run('sh', args, { env }).then(
    () => 'installed',
    (thrown: { stderr?: string }) => thrown.stderr ?? '',
  );
}
