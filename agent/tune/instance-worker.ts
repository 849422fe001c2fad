/** The thread of one instance; `instances.ts` starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../../shared/errors.ts';
import type { FromInstance, ToInstance } from './instances.ts';
import { openRunner } from './runner.ts';

if (parentPort) await serve(parentPort);

async function serve(port: NonNullable<typeof parentPort>): Promise<void> {
  const say = (message: FromInstance) => port.postMessage(message);
  try {
    const runner = await openRunner(workerData);
    port.on('message', async ({ durationMs }: ToInstance) => {
      try {
        say({ kind: 'block', block: await runner.block(durationMs) });
      } catch (thrown) {
        say({ kind: 'failed', reason: reasonOf(thrown) });
      }
    });
    say({ kind: 'opened', golden: runner.golden });
  } catch (thrown) {
    say({ kind: 'failed', reason: reasonOf(thrown) });
  }
}
