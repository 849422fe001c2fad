/** Which execution providers really open, each tried in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { identityModel } from './identity-model.ts';
import { builtInProviders, openSession } from './runtime.ts';

export interface Tried {
  /** As the runtime's binding names it. */
  readonly provider: string;
  /** Whether a session with it was opened, and answered rightly. */
  readonly opened: boolean;
  /** Why not; null where it did. */
  readonly reason: string | null;
}

/** Names that some build of the binding takes: js/node/src/session_options_helper.cc. */
export const knownProviders = [
  'cpu',
  'cuda',
  'tensorrt',
  'qnn',
  'webgpu',
  'coreml',
  'dml',
] as const;

/** Execution providers that opened a model when tried, by their names in the runtime. */
export async function openableProviders(): Promise<string[]> {
  const tried = await Promise.all((await builtInProviders()).map(tryProvider));
  return tried.filter(({ opened }) => opened).map(({ provider }) => provider);
}

const timeoutMs = 20_000;
const answerBytesMax = 64 << 10;

/** A provider without its driver may end the process that tries it, or hang. */
export function tryProvider(provider: string): Promise<Tried> {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const file = join(import.meta.dirname, `runtime-probe.${extension}`);
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: answerBytesMax } as const;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, provider], limits, (error, stdout) => {
      // Said before the process ends, which some drivers do badly.
      const said = /^(opened|refused)(?: (.*))?$/m.exec(stdout);
      const opened = said?.[1] === 'opened';
      const ended = child.signalCode ?? `exit code ${child.exitCode}`;
      const silent = error?.killed ? `no answer within ${timeoutMs} ms` : `it ended with ${ended}`;
      resolve({ provider, opened, reason: opened ? null : (said?.[2] ?? silent) });
    });
  });
}

/** Whether the provider opens a model and runs it rightly, in this process. Throws why not. */
export async function opens(provider: string): Promise<boolean> {
  const session = await openSession(identityModel, { threads: 1, provider });
  const x = { type: 'float', dims: [1], data: new Float32Array([1]) } as const;
  const { y } = await session.run({ x });
  return y?.data[0] === 1;
}
