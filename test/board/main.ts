/**
 * `npm run test:board`: the install command on an emulated arm64 board under systemd. It enrols,
 * tunes and serves, hardened as its unit says; power is cut while an update is fetched and while it
 * is tried; an agent that does not start is put aside, one that hangs is started again, and
 * uninstalled nothing is left. It takes long, and root for the first image; no time is a
 * figure.
 */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import * as v from 'valibot';
import { freePort } from '../../commands/up/ports.ts';
import { makeBundle } from '../../controller/bundle/bundle.ts';
import { startController } from '../../controller/main.ts';
import { readSettings } from '../../controller/settings.ts';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { productRoot } from '../../shared/product.ts';
import { agentModel } from '../../shared/protocol/agent-model.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { ReleaseRecord } from '../../shared/protocol/releases.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { classify, sampleDigit } from '../support/inference.ts';
import { push } from '../support/push.ts';
import { until } from '../support/until.ts';
import { type Board, openBoard } from './machine.ts';
import { hardened, killedByWatchdog, leavesNothing } from './service.ts';

const { values } = parseArgs({ options: { log: { type: 'string' } } });
const patient = { timeoutMs: 40 * 60_000, everyMs: 1000 };
const device = '/api/v1/devices/board';
const folder = mkdtempSync(join(tmpdir(), 'fettle-board-'));
const began = performance.now();
const lines: string[] = [];

function say(text: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(5);
  lines.push(...text.split('\n').map((line) => `${seconds} s  ${line}`));
  console.log(lines.slice(-text.split('\n').length).join('\n'));
  if (values.log !== undefined) writeFileSync(values.log, `${lines.join('\n')}\n`);
}

const settings = readSettings({ data: join(folder, 'controller'), port: 0, brokerPort: 0 });
const controller = await startController(settings);
const client = createHttpClient({ url: controller.url, token: controller.adminToken });
const board = await openBoard({ folder, port: await freePort(0, new Set()) });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`ended by ${signal} before the last step`);
    end().finally(() => process.exit(1));
  });
}
try {
  await play(board, client);
  say('passed');
} catch (thrown) {
  say(`failed: ${thrown}`);
  say(readFileSync(join(folder, 'console.log'), 'utf8').split('\n').slice(-40).join('\n'));
  process.exitCode = 1;
} finally {
  await end();
}

async function end(): Promise<void> {
  await board.cut();
  await controller.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function play(board: Board, client: HttpClient): Promise<void> {
  const booted = board.boot();
  const compiled = join(folder, 'compiled');
  await promisify(execFile)(process.execPath, [join(productRoot(), 'deploy/build.mjs'), compiled]);
  await release(client, compiled, 'first');
  await booted;
  say(await board.run('uname -srm; systemctl --version | head -n 1; grep MemTotal /proc/meminfo'));
  await install(board, client);
  await hardened(board, say);
  await tune(board, client);
  await update(board, client, await release(client, compiled, 'second'));
  const broken = join(folder, 'broken');
  cpSync(compiled, broken, { recursive: true });
  const cli = join(broken, 'cli.js');
  const text = readFileSync(cli, 'utf8').replace(/^#!.*\n/, '');
  writeFileSync(cli, `if (process.argv[2] === 'agent') process.exit(7);\n${text}`);
  await refuse(board, client, await release(client, broken, 'broken'));
  await killedByWatchdog(board, say);
  await serves(board, client);
  say('started again by the watchdog, serving');
  say(await board.run(`curl -fsSL ${controllerUrl()}/install | sh -s -- --uninstall`));
  await leavesNothing(board, say);
}

/** The same sources give the same bytes: a file more makes it another release. */
async function release(client: HttpClient, compiled: string, mark: string): Promise<ReleaseRecord> {
  mkdirSync(compiled, { recursive: true });
  writeFileSync(join(compiled, 'mark.txt'), mark);
  const out = join(folder, `${mark}.tar.zst`);
  const { digest, bytes } = await makeBundle('arm64', { compiled, out });
  const signal = AbortSignal.timeout(120_000);
  await client.upload({ path: out, digest, what: 'bundle', signal, onProgress() {} });
  const options = { method: 'POST', body: { bundles: [digest] }, timeoutMs: 120_000 } as const;
  const made = await client.call(ReleaseRecord, '/api/v1/releases', options);
  say(`release ${made.release} (${mark}): ${bytes} bytes, ${digest}`);
  return made;
}

async function install(board: Board, client: HttpClient): Promise<void> {
  const Token = v.object({ token: v.string() });
  const asked = { method: 'POST', body: {} } as const;
  const { token } = await client.call(Token, '/api/v1/enrolment-tokens', asked);
  const url = controllerUrl();
  const args = `--token ${token} --name board --http-host 0.0.0.0`;
  say(`# curl -fsSL ${url}/install | sh -s -- --token … --name board --http-host 0.0.0.0`);
  say(await board.run(`curl -fsSL ${url}/install | sh -s -- ${args}`, patient.timeoutMs));
  say(await board.run('systemctl status fettle-agent --no-pager -n 0; ls -l /opt/fettle/versions'));
  await seen(client, 'the profile', ({ profile }) => profile !== null);
  say(`idle: ${await memory(board)}`);
}

/** As the board reaches this machine. */
function controllerUrl(): string {
  return `http://10.0.2.2:${new URL(controller.url).port}`;
}

async function tune(board: Board, client: HttpClient): Promise<void> {
  await push(client, join(productRoot(), 'examples', 'digits'));
  const terms = { model: 'digits', soakSeconds: 2, tuningBudgetSeconds: 300, timeoutSeconds: 7200 };
  await rollout(client, terms);
  const { tuning } = await serves(board, client);
  say(`tuned and serves: ${tuning?.chosen?.recipeName}, ${tuning?.chosen?.reason}`);
  say(`serving: ${await memory(board)}`);
}

/** Power is cut while the new agent is fetched, and again while it is tried. */
async function update(board: Board, client: HttpClient, { release }: ReleaseRecord): Promise<void> {
  const { id } = await rollout(client, { model: agentModel, version: release });
  const part = await onTheWay(client, id, () =>
    board.run('stat -c "%s bytes of %n" /opt/fettle/versions/.*.part | grep -v "^0 "'),
  );
  await board.cut();
  say(`power cut while it fetches the new agent (${part})`);
  await board.boot();
  await serves(board, client);
  say(`back, serving; ${await standing(board)}`);
  await onTheWay(client, id, () => board.run('cat /opt/fettle/versions/trial'));
  await board.cut();
  say('power cut while the new agent is tried');
  await board.boot();
  await ends(client, id, 'succeeded');
  await serves(board, client);
  say(`back, serving with the new agent; ${await standing(board)}`);
}

async function refuse(board: Board, client: HttpClient, { release }: ReleaseRecord): Promise<void> {
  const before = await board.run('readlink /opt/fettle/versions/current');
  const { id } = await rollout(client, { model: agentModel, version: release });
  const { reason } = await ends(client, id, 'paused');
  say(`the broken agent: ${reason}`);
  await serves(board, client);
  const after = await board.run('readlink /opt/fettle/versions/current');
  if (after !== before) throw new Error(`${after} runs, ${before} ran before`);
  say(`rolled back by itself, serving; ${await standing(board)}`);
  say(await board.run('journalctl -u fettle-agent --no-pager -o cat | grep -v level | tail -n 12'));
}

/** What can be seen before the rollout is over. */
function onTheWay(client: HttpClient, id: string, see: () => Promise<string>): Promise<string> {
  const look = async () => {
    const { state, reason } = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    if (state !== 'running') throw new Error(`the rollout is ${state}: ${reason}`);
    return await see().catch(() => null);
  };
  return until('the update to be on its way', look, { ...patient, everyMs: 50 });
}

async function rollout(client: HttpClient, terms: object): Promise<RolloutRecord> {
  const body = { waves: [{ percent: 100 }], soakSeconds: 2, timeoutSeconds: 7200, ...terms };
  return await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
}

function ends(client: HttpClient, id: string, state: RolloutRecord['state']) {
  const look = async () => {
    const record = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    if (record.state === state) return record;
    if (record.state === 'running') return null;
    throw new Error(`the rollout is ${record.state}: ${record.reason}`);
  };
  return until(`rollout ${id} to be ${state}`, look, patient);
}

function seen(client: HttpClient, what: string, holds: (detail: DeviceDetail) => boolean) {
  const look = async () => {
    const detail = await client.call(DeviceDetail, device).catch(() => null);
    return detail && holds(detail) ? detail : null;
  };
  return until(what, look, patient);
}

/** It says so, and answers rightly. */
async function serves(board: Board, client: HttpClient): Promise<DeviceDetail> {
  const right = () => classify(board.endpoint).then((digit) => digit === sampleDigit);
  await until('the right answer', () => right().catch(() => false), patient);
  return await seen(client, 'serving', ({ online, reported }) => {
    return online && reported?.state === 'serving';
  });
}

function standing(board: Board): Promise<string> {
  return board.run('ls /opt/fettle/versions | tr "\\n" " "; readlink /opt/fettle/versions/current');
}

async function memory(board: Board): Promise<string> {
  const pid = 'pid=$(systemctl show fettle-agent -p MainPID --value)';
  const rss = await board.run(`${pid}; grep VmRSS /proc/$pid/status`);
  const all = await board.run('systemctl show fettle-agent -p MemoryCurrent');
  return `${rss.replace(/\s+/g, ' ')}, ${all}`;
}
