/**
 * Data parallel: several sessions of one variant side by side, each in a thread, as when serving.
 */
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../measured-child.ts';
import type { Block, Runner } from './runner.ts';
import type { Contestant } from './trial-protocol.ts';

export interface ToInstance {
  readonly durationMs: number;
}
export type FromInstance =
  | { readonly kind: 'opened'; readonly golden: Runner['golden'] }
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'failed'; readonly reason: string };

export async function openInstances(contestant: Contestant): Promise<Runner> {
  const start = performance.now();
  const instances = Array.from({ length: contestant.plan.instances }, () => startOne(contestant));
  const opened = await Promise.all(instances.map((instance) => instance.opened));
  const first = opened[0];
  return {
    loadMs: performance.now() - start,
    golden: first?.kind === 'opened' ? first.golden : null,
    async block(durationMs) {
      const blocks = await Promise.all(instances.map((instance) => instance.block(durationMs)));
      return {
        latenciesMs: blocks.flatMap((block) => block.latenciesMs),
        elapsedMs: Math.max(...blocks.map((block) => block.elapsedMs)),
      };
    },
    async close() {
      await Promise.all(instances.map((instance) => instance.stop()));
    },
  };
}

interface Instance {
  readonly opened: Promise<FromInstance>;
  block(durationMs: number): Promise<Block>;
  stop(): Promise<unknown>;
}

/** An instance answers in the order it is asked; one question is open at a time. */
function startOne(contestant: Contestant): Instance {
  const module = siblingModule(import.meta.url, 'instance-worker.ts');
  const worker = new Worker(module, { workerData: contestant });
  let waiting = Promise.withResolvers<FromInstance>();
  worker.on('message', (message: FromInstance) => {
    if (message.kind === 'failed') waiting.reject(new Error(message.reason));
    else waiting.resolve(message);
  });
  worker.on('error', (error) => waiting.reject(error));
  return {
    opened: waiting.promise,
    async block(durationMs) {
      waiting = Promise.withResolvers<FromInstance>();
      worker.postMessage({ durationMs } satisfies ToInstance);
      const answer = await waiting.promise;
      if (answer.kind !== 'block') throw new Error(`an instance answered ${answer.kind}`);
      return answer.block;
    },
    stop: () => worker.terminate(),
  };
}
