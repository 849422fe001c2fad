/** A child process that is started again when it ends by itself, and stopped when asked. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { backoffMs } from '../../shared/backoff.ts';

export interface ChildSpec {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment: NodeJS.ProcessEnv;
  /** Where its output goes. */
  readonly logPath: string;
}

export interface Supervised {
  readonly name: string;
  /** Of the process that runs now; null between two. */
  pid(): number | null;
  /** Asks it to end, waits, and kills it when it takes too long. */
  stop(): Promise<void>;
}

export interface Crash {
  readonly name: string;
  /** The signal or the exit code. */
  readonly how: string;
  /** The last line of its log. */
  readonly lastWords: string;
  /** After which it is started again. */
  readonly delayMs: number;
}

interface Watcher {
  /** The process ended by itself. */
  onCrash(crash: Crash): void;
}

/** A process that ran so long has recovered: its next crash counts as the first one. */
const steadyMs = 30_000;
/** An agent answers first what is under way. */
const stopTimeoutMs = 30_000;
const restartBackoff = { baseMs: 500, maxMs: 15_000 };

/** `describe` is asked before every start: a port may have been taken meanwhile. */
export function supervise(
  name: string,
  describe: () => Promise<ChildSpec>,
  watcher: Watcher,
): Supervised {
  let child: ChildProcess | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopping = false;
  let crashes = 0;
  const start = async () => {
    timer = null;
    const startedMs = performance.now();
    const spec = await describe();
    if (stopping) return;
    child = launch(spec);
    const ended = (how: string) => {
      if (child === null) return;
      child = null;
      if (stopping) return;
      crashes = performance.now() - startedMs > steadyMs ? 1 : crashes + 1;
      const delayMs = backoffMs(crashes - 1, restartBackoff);
      watcher.onCrash({ name, how, delayMs, lastWords: lastLine(spec.logPath) });
      timer = setTimeout(start, delayMs);
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
  };
  start();
  return {
    name,
    pid: () => child?.pid ?? null,
    async stop() {
      stopping = true;
      if (timer) clearTimeout(timer);
      if (child) await end(child);
    },
  };
}

/**
 * In a process group of its own, so that Ctrl-C reaches only the parent, which then ends the
 * children in order; the IPC channel tells the child when the parent is gone.
 */
function launch(spec: ChildSpec): ChildProcess {
  mkdirSync(dirname(spec.logPath), { recursive: true });
  const log = openSync(spec.logPath, 'a');
  const [program, ...args] = spec.command;
  const child = spawn(program, args, {
    detached: true,
    env: spec.environment,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  return child;
}

const tailBytes = 4096;

function lastLine(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, tail, 0, tail.length, size - tail.length);
    const lines = tail.toString('utf8').trimEnd().split('\n');
    // A hint stands indented below the error that it belongs to.
    return lines.findLast((line) => !line.startsWith(' ')) ?? '';
  } finally {
    closeSync(file);
  }
}

async function end(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    if (child.exitCode !== null || child.signalCode !== null) resolve();
  });
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await gone;
  clearTimeout(timer);
}
