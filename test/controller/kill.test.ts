/** The controller as a process of its own that is killed without a chance to clean up. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { freePort } from '../../commands/up/ports.ts';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { DeviceDetail, VariantRecord } from '../../shared/protocol/api.ts';
import { startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { startFettle, temporaryFolder } from '../support/fettle.ts';
import { push } from '../support/push.ts';
import { writeTinyPackage } from '../support/tiny-package.ts';
import { until } from '../support/until.ts';

interface Killable {
  readonly url: string;
  readonly client: () => HttpClient;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

async function startKillable(t: ExecutionContext): Promise<Killable> {
  const folder = temporaryFolder(t);
  const port = await freePort(0, new Set());
  const brokerPort = await freePort(0, new Set([port]));
  const url = `http://127.0.0.1:${port}`;
  const token = join(folder, 'secrets', 'admin-token');
  const client = () => createHttpClient({ url, token: readFileSync(token, 'utf8').trim() });
  const options = ['--data', folder, '--port', String(port), '--broker-port', String(brokerPort)];
  let child: ChildProcess | null = null;
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const start = async () => {
    child = startFettle(['controller', ...options], { home: folder });
    await until('the controller', async () => {
      if (child?.exitCode != null) throw new Error(`it ended with ${child.exitCode}`);
      return existsSync(token) && (await answers(client()));
    });
  };
  await start();
  t.teardown(kill);
  return { url, client, kill, start };
}

async function answers(client: HttpClient): Promise<boolean> {
  try {
    await client.call(v.unknown(), '/health', { timeoutMs: 2000 });
    return true;
  } catch {
    return false;
  }
}

const Token = v.object({ token: v.string() });

async function tokenOf(client: HttpClient): Promise<string> {
  const path = '/api/v1/enrolment-tokens';
  return (await client.call(Token, path, { method: 'POST', body: {} })).token;
}

test('what was acknowledged before a kill is there after it, and nothing twice', async (t) => {
  const { url, client, kill, start } = await startKillable(t);
  const token = await tokenOf(client());
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  const sendAll = () => {
    for (let seq = 0; seq < 40; seq += 1) {
      const windows = [windowOf(seq)];
      const batch = { v: 1, device: 'pi-1', spool: 'a', dropped: 0, windows };
      device.send('telemetry', batch).catch(() => {});
    }
  };
  for (let round = 0; round < 3; round += 1) {
    const before = device.acks.length;
    sendAll();
    await until('an acknowledgement', () => device.acks.length > before);
    await kill();
    const acked = Math.max(...device.acks.map((ack) => ack.telemetry?.seq ?? -1));
    await start();
    const { windows } = await client().call(DeviceDetail, '/api/v1/devices/pi-1');
    const seqs = windows.map(({ seq }) => seq);
    t.is(new Set(seqs).size, seqs.length, 'none is there twice');
    for (let seq = 0; seq <= acked; seq += 1) t.true(seqs.includes(seq), `window ${seq}`);
    await until('the device back', () => device.bus.connected);
  }
});

test('a build that a kill interrupted is done at the next start', async (t) => {
  const { client, kill, start } = await startKillable(t);
  await push(client(), await writeTinyPackage(temporaryFolder(t)));
  const body = { recipe: { v: 1, bits: 8 } };
  const path = '/api/v1/models/tiny/1/variants';
  const { id } = await client().call(VariantRecord, path, { method: 'POST', body });
  await kill();
  await start();
  const built = await client().call(VariantRecord, `/api/v1/variants/${id}?waitSeconds=60`);
  t.is(built.state, 'ready', built.error?.message);
});

test('a broken data folder is one clear line, and is not written over', async (t) => {
  const folder = temporaryFolder(t);
  const database = join(folder, 'fettle.db');
  await writeFile(database, 'this is no database');
  const args = ['controller', '--data', folder, '--port', '0', '--broker-port', '0'];
  const child = startFettle(args, { home: folder });
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  const [code] = await once(child, 'exit');
  t.is(code, 1);
  t.regex(text, /^error FILE_UNREADABLE: .*fettle\.db: cannot be read/);
  t.is(readFileSync(database, 'utf8'), 'this is no database');
});
