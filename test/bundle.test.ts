/**
 * The bundle of this machine's architecture: unpacked into an empty folder, its own Node runs the
 * agent, which needs nothing else.
 */
import { execFile, spawn } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createZstdDecompress } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { bundleName, makeBundle } from '../controller/bundle/bundle.ts';
import { nodePackage, nodeVersion } from '../controller/bundle/node-package.ts';
import { digestOfFile } from '../shared/digest.ts';
import { productRoot, productVersion } from '../shared/product.ts';
import { DeviceSummary } from '../shared/protocol/api.ts';
import { architectures } from '../shared/protocol/releases.ts';
import { startTestController } from './support/controller.ts';
import { fettle, temporaryFolder } from './support/fettle.ts';
import { until } from './support/until.ts';

const run = promisify(execFile);
const packedBytesMax = 80e6;
const arch = architectures.find((one) => one === process.arch) ?? 'x64';

test('a bundle is small and reproducible, and all that an agent needs', async (t) => {
  if ((await nodePackage(arch).catch(() => null)) === null) {
    t.log(`skipped: node-linux-${arch}@${nodeVersion()} cannot be fetched`);
    t.pass();
    return;
  }
  const folder = temporaryFolder(t);
  const compiled = join(folder, 'compiled');
  await run(process.execPath, [join(productRoot(), 'deploy/build.mjs'), compiled]);
  const first = await makeBundle(arch, { compiled, out: join(folder, 'first.tar.zst') });
  utimesSync(join(compiled, 'cli.js'), 1, 1);
  const second = await makeBundle(arch, { compiled, out: join(folder, 'second.tar.zst') });
  t.is(first.digest, second.digest);
  t.log(`${(first.bytes / 1e6).toFixed(1)} MB packed`);
  t.true(first.bytes < packedBytesMax, `${first.bytes} bytes`);

  const place = await unpack(first.path, join(folder, 'device'));
  t.deepEqual(await digestsIn(place), { ...first.manifest.files });
  const inside = Object.keys(first.manifest.files);
  t.deepEqual(
    inside.filter((path) => path.startsWith('dist/controller/')),
    [],
  );
  const program = join(place, 'bin', 'fettle');
  const env = { PATH: '/usr/bin:/bin', HOME: folder };
  t.is((await run(program, ['--version'], { env })).stdout.trim(), productVersion());
  await enrols(t, program, env);
});

test('an architecture that has no bundle is refused', async (t) => {
  const { code, stderr } = await fettle(['bundle', '--arch', 'arm'], { home: temporaryFolder(t) });
  t.is(code, 1);
  t.regex(stderr, /BAD_ARGUMENT: --arch: expected arm64 or x64, got arm/);
});

async function enrols(t: ExecutionContext, program: string, env: Record<string, string>) {
  const { client, controller, enrolmentToken } = await startTestController(t);
  const token = await enrolmentToken();
  const args = ['agent', '--name', 'boxed', '--controller', controller.url, '--token', token];
  const agent = spawn(program, [...args, '--http-port', '0'], { env, stdio: 'ignore' });
  const gone = new Promise((resolve) => agent.once('exit', resolve));
  try {
    await until('the device is online and profiled', async () => {
      const device = await client.call(DeviceSummary, '/api/v1/devices/boxed').catch(() => null);
      return device?.online && device.hardwareClass !== null;
    });
  } finally {
    agent.kill();
    await gone;
  }
}

/** With the system's tar, which is what a device has. Answers the versioned folder. */
async function unpack(archive: string, folder: string): Promise<string> {
  mkdirSync(folder);
  const tar = spawn('tar', ['-x', '-C', folder], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => tar.once('exit', resolve));
  await pipeline(createReadStream(archive), createZstdDecompress(), tar.stdin);
  if ((await ended) !== 0) throw new Error('tar does not unpack the bundle');
  return join(folder, bundleName(arch));
}

async function digestsIn(folder: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    digests[relative(folder, path)] = await digestOfFile(path);
  }
  const { 'manifest.json': _, ...files } = digests;
  return files;
}
