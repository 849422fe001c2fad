/**
 * The packed product: installed into an empty folder it runs, and an idle agent of it stays small.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { createHttpClient } from '../shared/http-client.ts';
import { residentMiB } from '../shared/process-memory.ts';
import { productRoot, productVersion } from '../shared/product.ts';
import { DeviceSummary } from '../shared/protocol/api.ts';
import { temporaryFolder } from './support/fettle.ts';
import { until } from './support/until.ts';

const run = promisify(execFile);
const root = productRoot();
const residentMiBMax = 80;

test('packed and installed, it runs, and an idle agent takes at most 80 MiB', async (t) => {
  const folder = temporaryFolder(t);
  const cli = await install(folder);
  const version = await run(process.execPath, [cli, '--version'], { cwd: folder });
  t.is(version.stdout.trim(), productVersion());

  const home = join(folder, 'home');
  const controller = start(t, cli, {
    home,
    args: ['controller', '--port', '0', '--broker-port', '0', '--json'],
  });
  const { url, adminToken } = await firstDocument(controller);
  const client = createHttpClient({ url, token: adminToken });
  const Token = v.object({ token: v.string() });
  const path = '/api/v1/enrolment-tokens';
  const { token } = await client.call(Token, path, { method: 'POST', body: {} });

  const startedMs = performance.now();
  const args = ['agent', '--name', 'idle', '--controller', url, '--token', token];
  const agent = start(t, cli, { home, args: [...args, '--http-port', '0'] });
  await saysOn(agent, /answers at/);
  t.log(`the agent answers ${Math.round(performance.now() - startedMs)} ms after its start`);
  await until('the device is online and profiled', async () => {
    const device = await client.call(DeviceSummary, '/api/v1/devices/idle').catch(() => null);
    return device?.online && device.hardwareClass !== null;
  });
  const idleMiB = await until(`what the start took is given back, to ${residentMiBMax} MiB`, () => {
    const resident = residentMiB(agent.pid);
    return resident > 0 && resident <= residentMiBMax ? resident : null;
  });
  t.log(`the idle agent takes ${idleMiB.toFixed(1)} MiB`);
});

/** Unpacks the tarball as npm does; its dependencies are those of this checkout, and no others. */
async function install(folder: string): Promise<string> {
  const env = { ...process.env, npm_config_loglevel: 'error' };
  await run('npm', ['pack', '--pack-destination', folder], { cwd: root, env });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  const modules = join(folder, 'node_modules');
  const target = join(modules, 'fettle');
  mkdirSync(target, { recursive: true });
  await run('tar', ['-xzf', join(folder, tarball), '-C', target, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  return join(target, 'dist', 'cli.js');
}

function start(
  t: ExecutionContext,
  cli: string,
  { home, args }: { home: string; args: readonly string[] },
): ChildProcess {
  const env = { PATH: process.env.PATH, HOME: home };
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill()) await gone;
  });
  return child;
}

const Started = v.object({ url: v.string(), adminToken: v.string() });

async function firstDocument(child: ChildProcess): Promise<v.InferOutput<typeof Started>> {
  const text = await saysOn(child, /^\{[\s\S]*^\}$/m);
  return v.parse(Started, JSON.parse(text));
}

/** What the pattern matches in the process's output, as soon as it does. */
function saysOn(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const add = (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match) resolve(match[0]);
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${text}`)));
  });
}
