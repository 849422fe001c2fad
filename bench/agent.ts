/** What an idle agent costs: resident memory and start time, from `dist/`, without a model. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { residentMiB } from '../shared/process-memory.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench } from './bench.ts';
import { buildDist } from './support/build-dist.ts';

const starts = 3;
const settleMs = 5000;
const cli = join(productRoot(), 'dist', 'cli.js');

export const bench: Bench = {
  what: 'An idle agent from dist/, without a model',
  async run({ note }) {
    buildDist({ dashboard: true });
    const home = mkdtempSync(join(tmpdir(), 'fettle-bench-'));
    const controller = start(home, ['controller', '--port', '0', '--broker-port', '0']);
    try {
      const dashboard = await says(controller, /dashboard +(\S+)#token=(\S+)/);
      const [, url = '', token = ''] = dashboard;
      const rows: (string | number)[][] = [];
      for (let run = 1; run <= starts; run += 1) {
        note(`start ${run} of ${starts}`);
        const enrolment = enrolmentToken(home, { url, token });
        const at = ['--controller', url, '--token', enrolment, '--http-port', '0'];
        const name = `idle-${run}`;
        const data = ['--data', join(home, name)];
        rows.push([name, ...(await measure(home, ['agent', '--name', name, ...at, ...data]))]);
      }
      return {
        columns: ['agent', 'start ms', 'resident MiB'],
        rows,
        notes: [
          'Start: from the process to its inference endpoint answering, enrolment included.',
          'Resident: VmRSS five seconds later; connected, profiled, no model wanted.',
        ],
      };
    } finally {
      await end(controller);
      rmSync(home, { recursive: true, force: true });
    }
  },
};

function enrolmentToken(home: string, { url, token }: { url: string; token: string }): string {
  const args = [cli, 'device', 'token', '--controller', new URL(url).origin, '--token', token];
  const env = { PATH: process.env.PATH, HOME: home };
  return spawnSync(process.execPath, args, { env, encoding: 'utf8' }).stdout.split('\n')[0] ?? '';
}

async function measure(home: string, args: readonly string[]): Promise<[number, number]> {
  const startedMs = performance.now();
  const agent = start(home, args);
  try {
    await says(agent, /answers at/);
    const tookMs = performance.now() - startedMs;
    await pause(settleMs);
    return [tookMs, residentMiB(agent.pid)];
  } finally {
    await end(agent);
  }
}

function start(home: string, args: readonly string[]): ChildProcess {
  const env = { PATH: process.env.PATH, HOME: home };
  return spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function says(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const add = (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match) resolve(match);
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${text}`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}
