/**
 * The worker thread of `thread.ts`: loads one model, and answers what it is sent, one after the
 * other.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { reportError } from '../../shared/errors.ts';
import { checkGolden } from '../../shared/evaluate/golden.ts';
import { openSession, type Session } from '../../shared/evaluate/runtime.ts';
import { sessionOptionsOf } from './session-options.ts';
import { buffersOf, type FromThread, type ThreadSpec, type ToThread } from './thread.ts';

type Port = NonNullable<typeof parentPort>;

if (parentPort) await serve(parentPort, workerData);

async function serve(port: Port, { path, plan }: ThreadSpec): Promise<void> {
  let session: Session;
  try {
    session = await openSession(path, sessionOptionsOf(plan));
  } catch (thrown) {
    say(port, { kind: 'unopened', error: reportError(thrown) });
    return port.close();
  }
  let last: Promise<void> = Promise.resolve();
  port.on('message', (message: ToThread) => {
    // What lies here while a run lasts is not under way yet: its time would count twice.
    last = last.then(() => answer(port, session, message));
  });
  say(port, { kind: 'open', inputs: session.inputs, outputs: session.outputs });
}

async function answer(port: Port, session: Session, message: ToThread): Promise<void> {
  if (message.kind === 'end') {
    await session.release();
    return port.close();
  }
  const { id } = message;
  try {
    if (message.kind === 'golden') {
      const result = await checkGolden(session, message.path);
      say(port, { kind: 'agreed', id, result });
    } else {
      const startMs = performance.now();
      const outputs = await session.run(message.feeds);
      const ms = performance.now() - startMs;
      say(port, { kind: 'ran', id, outputs, ms }, buffersOf(outputs));
    }
  } catch (thrown) {
    say(port, { kind: 'failed', id, error: reportError(thrown) });
  }
}

function say(port: Port, message: FromThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
