/**
 * The agent as devices get it, from its bundle: size, start, and resident memory idle and serving;
 * arm64 runs in QEMU's user mode where that is installed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { makeBundle } from '../controller/bundle/bundle.ts';
import { startController } from '../controller/main.ts';
import { readSettings } from '../controller/settings.ts';
import { createHttpClient, type HttpClient } from '../shared/http-client.ts';
import { residentMiB } from '../shared/process-memory.ts';
import { productRoot } from '../shared/product.ts';
import { DeviceDetail } from '../shared/protocol/api.ts';
import type { Architecture } from '../shared/protocol/releases.ts';
import { wrap } from '../test/arm64/machine.ts';
import { push } from '../test/support/push.ts';
import { until } from '../test/support/until.ts';
import type { Bench } from './bench.ts';
import { buildDist } from './support/build-dist.ts';

const run = promisify(execFile);
const settleMs = 5000;
const patient = { timeoutMs: 20 * 60_000, everyMs: 500 };
const libraries = '/usr/aarch64-linux-gnu/lib';
const Token = v.object({ token: v.string() });

export const bench: Bench = {
  what: 'The agent from its bundle: size, start, memory, on x64 and emulated arm64',
  async run({ note, asked }) {
    buildDist({ dashboard: false });
    const folder = mkdtempSync(join(tmpdir(), 'fettle-bench-'));
    const data = join(folder, 'controller');
    const controller = await startController(readSettings({ data, port: 0, brokerPort: 0 }));
    const client = createHttpClient({ url: controller.url, token: controller.adminToken });
    try {
      await push(client, join(productRoot(), 'examples', 'digits'));
      const body = { model: 'digits', waves: [{ percent: 100 }], soakSeconds: 1, scouts: 0 };
      const budget = { tuningBudgetSeconds: 20, timeoutSeconds: 3600 };
      const options = { method: 'POST', body: { ...body, ...budget } } as const;
      const rows: (string | number)[][] = [];
      for (const arch of ['x64', 'arm64'] as const) {
        if (!asked(arch)) continue;
        note(arch);
        const give = () => client.call(v.unknown(), '/api/v1/rollouts', options);
        rows.push(await measure({ arch, folder, client, url: controller.url }, give));
      }
      return { columns, rows, notes };
    } finally {
      await controller.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const columns = [
  ...['architecture', 'bundle MB', 'unpacked MB', 'start ms', 'enrolled start ms'],
  ...['idle MiB', 'serving MiB'],
];
const notes = [
  'Start: from the process to its inference endpoint answering; the first time it enrols.',
  'Idle: VmRSS five seconds later, connected and profiled. Serving: once it serves digits.',
  'arm64 runs under qemu-user-static as a Cortex-A76: its times say nothing of a board.',
  'Its memory includes the emulator, with the code that it has translated.',
];

interface Measuring {
  readonly arch: Architecture;
  readonly folder: string;
  readonly client: HttpClient;
  readonly url: string;
}

async function measure(measuring: Measuring, give: () => Promise<unknown>) {
  const { arch, folder, client, url } = measuring;
  const out = join(folder, `${arch}.tar.zst`);
  const bundle = await makeBundle(arch, { compiled: join(productRoot(), 'dist'), out });
  const place = join(folder, arch);
  mkdirSync(place);
  const tar = `zstd -dcq --long=31 ${out} | tar -x -C ${place} --strip-components=1`;
  await run('sh', ['-c', tar]);
  const command = commandOf(arch, place, folder);
  const { token } = await client.call(Token, '/api/v1/enrolment-tokens', {
    method: 'POST',
    body: {},
  });
  const options = ['agent', '--name', arch, '--data', join(folder, `data-${arch}`)];
  const args = [...options, '--controller', url, '--token', token, '--http-port', '0'];
  const first = await start(command, args, folder);
  await end(first.child);
  const second = await start(command, args, folder);
  const detail = () => client.call(DeviceDetail, `/api/v1/devices/${arch}`).catch(() => null);
  await until('the profile', async () => (await detail())?.profile, patient);
  await pause(settleMs);
  const idle = residentMiB(second.child.pid);
  await give();
  await until('it serves', async () => (await detail())?.reported?.state === 'serving', patient);
  await pause(settleMs);
  const serving = residentMiB(second.child.pid);
  await end(second.child);
  const sizes = [bundle.bytes / 1e6, bundle.unpackedBytes / 1e6];
  return [arch, ...sizes, first.tookMs, second.tookMs, idle, serving];
}

/** Its own Node; under QEMU where this machine is another one. */
function commandOf(arch: Architecture, place: string, folder: string): readonly string[] {
  const [node, cli] = [join(place, 'bin', 'node'), join(place, 'dist', 'cli.js')];
  if (arch === process.arch) return [node, cli];
  if (!existsSync(libraries)) throw new Error('libc6-arm64-cross is not installed');
  const root = join(folder, 'libraries');
  mkdirSync(root);
  symlinkSync(libraries, join(root, 'lib'));
  return [wrap(folder, ['qemu-aarch64-static', '-cpu', 'cortex-a76', '-L', root, node]), cli];
}

async function start([file = '', ...before]: readonly string[], args: string[], home: string) {
  const startedMs = performance.now();
  const env = { PATH: process.env.PATH, HOME: home };
  const child = spawn(file, [...before, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until('it answers', () => /answers at/.test(text), { timeoutMs: 300_000, everyMs: 5 });
  return { child, tookMs: performance.now() - startedMs };
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}
