/** Has a variant cut into stages, in a process of its own: profiling leaves memory behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { FettleError } from '../../../shared/errors.ts';
import { runChild, siblingModule } from '../../measured-child.ts';
import type { ThreadSpec } from '../thread.ts';
import { CutAnswer, CutRefusal, type CutRequest } from './protocol.ts';

/** Calls `use` with the stages, whose files are there until it resolves. Throws `SERVE_FAILED`. */
export async function withStages<T>(
  { path, plan }: ThreadSpec,
  timeoutMs: number,
  use: (cut: CutAnswer) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-stages-'));
  try {
    return await use(await askForCut({ path, plan, folder }, timeoutMs));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function askForCut(request: CutRequest, timeoutMs: number): Promise<CutAnswer> {
  let said: unknown;
  const { failure } = await runChild({
    module: siblingModule(import.meta.url, 'cut-child.ts'),
    request,
    timeoutMs,
    memoryLimitMiB: null,
    niceness: 0,
    signal: new AbortController().signal,
    onLine(line) {
      said = line;
    },
  });
  const answer = v.safeParse(CutAnswer, said);
  if (answer.success) return answer.output;
  const refusal = v.safeParse(CutRefusal, said);
  const why = refusal.success ? refusal.output.refused : (failure?.reason ?? 'no answer');
  throw new FettleError('SERVE_FAILED', { model: request.path, reason: `cut into stages: ${why}` });
}
