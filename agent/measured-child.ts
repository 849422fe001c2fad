/**
 * A child process that measures something: one JSON request goes in, JSON lines come out. It may
 * crash, hang or eat memory without harm to this process; its peak memory is its own.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { residentMiB } from '../shared/process-memory.ts';

export interface ChildRequest {
  /** The child's module; see `siblingModule`. */
  readonly module: URL;
  readonly request: unknown;
  readonly timeoutMs: number;
  /** Resident memory at which the child is killed; null is no limit. */
  readonly memoryLimitMiB: number | null;
  /** 0 is as other processes, 19 gives way to all. */
  readonly niceness: number;
  readonly signal: AbortSignal;
  readonly onLine: (line: unknown) => void;
}

export interface ChildEnd {
  /** null where the child ended by itself with exit code 0. */
  readonly failure: { readonly why: ChildFailure; readonly reason: string } | null;
  /** The most resident memory that was seen from outside. */
  readonly peakMiB: number;
}

export type ChildFailure = 'aborted' | 'timeout' | 'memory' | 'crash';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A model that is loaded grows fast; reading one small file costs about 20 µs. */
const memoryPollMs = 50;
const stderrBytesMax = 8192;

/** The module beside the caller's, named as TypeScript; in `dist/` it is JavaScript. */
export function siblingModule(callerUrl: string, name: string): URL {
  const built = !callerUrl.endsWith('.ts');
  return new URL(built ? name.replace(/\.ts$/, '.js') : name, callerUrl);
}

export async function runChild(options: ChildRequest): Promise<ChildEnd> {
  if (options.signal.aborted) return { failure: failure('aborted', 'aborted'), peakMiB: 0 };
  const request = encodeJson(options.request);
  const child = start(options);
  let stopped: ChildEnd['failure'] = null;
  const stop = (why: ChildFailure, reason: string) => {
    stopped ??= failure(why, reason);
    child.kill('SIGKILL');
  };
  const memory = watchMemory(child, options.memoryLimitMiB, (seen) =>
    stop('memory', `${seen} MiB used, at most ${options.memoryLimitMiB} MiB are allowed`),
  );
  const onAbort = () => stop('aborted', 'aborted');
  options.signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop('timeout', `no end within ${options.timeoutMs} ms`),
    options.timeoutMs,
  );
  try {
    const ended = await converse(child, request, options.onLine);
    return { failure: stopped ?? ended, peakMiB: memory.stop() };
  } finally {
    clearTimeout(timer);
    memory.stop();
    options.signal.removeEventListener('abort', onAbort);
  }
}

function start({ module, niceness }: ChildRequest): Child {
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
  const child = spawn(process.execPath, [...flags, fileURLToPath(module)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  try {
    if (child.pid !== undefined && niceness !== 0) setPriority(child.pid, niceness);
  } catch {
    // Without the right to lower the priority the child runs at ours.
  }
  return child;
}

/**
 * Sends the request, hands out the lines, and waits for the end. Standard input stays open: a
 * child whose parent died sees it end.
 */
async function converse(
  child: Child,
  request: string,
  onLine: ChildRequest['onLine'],
): Promise<ChildEnd['failure']> {
  const { promise, resolve } = Promise.withResolvers<ChildEnd['failure']>();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrBytesMax);
  });
  child.stdin.on('error', () => {});
  child.stdin.write(`${request}\n`);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const document = parse(line);
    if (document === undefined) return;
    try {
      onLine(document);
    } catch (thrown) {
      resolve(failure('crash', `it said what was not expected: ${reasonOf(thrown)}`));
      child.kill('SIGKILL');
    }
  });
  const drained = new Promise<void>((done) => lines.once('close', () => done()));
  child.once('error', (error) => resolve(failure('crash', error.message)));
  child.once('close', (code, signal) => {
    const reason = signal === null ? `exit code ${code}` : `killed by ${signal}`;
    const said = saidLine(stderr);
    resolve(code === 0 ? null : failure('crash', said ? `${reason}: ${said}` : reason));
  });
  const ended = await promise;
  await drained;
  return ended;
}

function watchMemory(child: Child, limitMiB: number | null, onOver: (seen: number) => void) {
  let peakMiB = 0;
  const timer = setInterval(() => {
    const seen = residentMiB(child.pid);
    peakMiB = Math.max(peakMiB, seen);
    if (limitMiB !== null && seen > limitMiB) onOver(Math.round(seen));
  }, memoryPollMs);
  return {
    stop() {
      clearInterval(timer);
      return peakMiB;
    },
  };
}

function failure(why: ChildFailure, reason: string) {
  return { why, reason };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The line of a stack trace that says what happened, or the last one. */
function saidLine(text: string): string {
  const lines = text.trim().split('\n');
  const said = lines.findLast((line) => /^(\w*Error|Fatal|FATAL|#)/.test(line)) ?? lines.at(-1);
  return said?.slice(0, 300) ?? '';
}
