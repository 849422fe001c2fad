/** The thread of one stage: runs its part of the graph, and moves what it made to the next one. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { reportError } from '../../../shared/errors.ts';
import { openSession, type Session } from '../../../shared/evaluate/runtime.ts';
import type { Tensors } from '../../../shared/evaluate/tensor.ts';
import { own } from '../../../shared/own.ts';
import type { Plan } from '../../../shared/protocol/tuning.ts';
import { sessionOptionsOf } from '../session-options.ts';
import { buffersOf } from '../thread.ts';
import type { FromStage, Passed, ToStage } from './protocol.ts';

export interface StageWork {
  readonly path: string;
  readonly plan: Plan;
  readonly inputs: readonly string[];
  readonly carries: readonly string[];
  /** From the stage before; the first one is fed by the parent. */
  readonly from: MessagePort | null;
  /** To the stage behind; the last one answers the parent, with these values. */
  readonly to: MessagePort | null;
  readonly outputs: readonly string[];
}

if (parentPort) await serve(parentPort, workerData);

async function serve(parent: NonNullable<typeof parentPort>, work: StageWork): Promise<void> {
  const say = (message: FromStage, moved: ArrayBuffer[] = []) => parent.postMessage(message, moved);
  let session: Session;
  try {
    // The graph is as the runtime optimized it before it was cut.
    session = await openSession(work.path, {
      ...sessionOptionsOf(work.plan),
      optimization: 'disabled',
    });
  } catch (thrown) {
    say({ kind: 'unopened', error: reportError(thrown) });
    return parent.close();
  }
  const pass = async ({ id, values }: Passed) => {
    try {
      const outputs = await session.run(pick(values, work.inputs));
      const next = { ...pick(values, work.carries), ...outputs };
      if (work.to) work.to.postMessage({ id, values: next } satisfies Passed, buffersOf(next));
      else {
        const answer = pick(next, work.outputs);
        say({ kind: 'ran', id, outputs: answer }, buffersOf(answer));
      }
    } catch (thrown) {
      say({ kind: 'failed', id, error: reportError(thrown) });
    }
  };
  work.from?.on('message', pass);
  parent.on('message', async (message: ToStage) => {
    if (message.kind === 'run') return await pass(message);
    work.from?.close();
    work.to?.close();
    await session.release();
    parent.close();
  });
  say({ kind: 'open' });
}

function pick(values: Tensors, names: readonly string[]): Tensors {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = own(values, name);
      return value ? [[name, value]] : [];
    }),
  );
}
