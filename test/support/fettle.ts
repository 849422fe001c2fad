/** Runs the command line as a user does: a process of its own, with an empty home. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productRoot } from '../../shared/product.ts';
import type { Owner } from './owner.ts';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly home: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const cli = join(productRoot(), 'cli.ts');

/** Waits for the command to end; it is killed after two minutes or `timeoutMs`. */
export function fettle(args: readonly string[], options: RunOptions): Promise<Run> {
  const { home, cwd = home, env, timeoutMs = 120_000 } = options;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [cli, ...args],
      { cwd, env: environment(home, env), timeout: timeoutMs, maxBuffer: 1 << 28 },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** Starts a command that runs until it is told to end. */
export function startFettle(args: readonly string[], options: RunOptions): ChildProcess {
  const { home, cwd = home, env } = options;
  return spawn(process.execPath, [cli, ...args], { cwd, env: environment(home, env) });
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

function environment(home: string, extra: Readonly<Record<string, string>> = {}) {
  return { PATH: process.env.PATH, HOME: home, NODE_NO_WARNINGS: '', ...extra };
}
