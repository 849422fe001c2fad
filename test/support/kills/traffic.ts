/**
 * Requests to every device while processes are killed: what was answered, and whether it was right.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { classify, sampleDigit } from '../inference.ts';
import { until } from '../until.ts';

export interface Count {
  sent: number;
  right: number;
  /** Anything else than the sample's digit: must stay 0. */
  wrong: number;
  /** No answer: the process was dead, or had just been started. */
  refused: number;
}

export interface Traffic {
  readonly counts: ReadonlyMap<string, Count>;
  /**
   * Asks each until it answers: one that has just been started says that it serves before it does.
   */
  mustAnswer(endpoints: ReadonlyMap<string, string>): Promise<void>;
  stop(): Promise<void>;
}

const everyMs = 200;

/** Sends a request to each endpoint in turn until stopped. */
export function startTraffic(endpoints: ReadonlyMap<string, string>): Traffic {
  const counts = new Map<string, Count>();
  for (const name of endpoints.keys())
    counts.set(name, { sent: 0, right: 0, wrong: 0, refused: 0 });
  const stop = new AbortController();
  const send = async (name: string, endpoint: string) => {
    while (!stop.signal.aborted) {
      await ask(counts.get(name), endpoint).catch(() => {});
      await pause(everyMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const running = [...endpoints].map(([name, endpoint]) => send(name, endpoint));
  return {
    counts,
    async mustAnswer(asked) {
      for (const [name, endpoint] of asked) {
        const look = () =>
          ask(counts.get(name), endpoint).then(
            () => true,
            () => false,
          );
        await until(`an answer of ${name}`, look);
      }
    },
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** Throws what the device threw, once it has been counted. */
async function ask(count: Count | undefined, endpoint: string): Promise<void> {
  if (!count) throw new Error(`${endpoint} belongs to no device of the fleet`);
  count.sent += 1;
  try {
    const digit = await classify(endpoint);
    if (digit === sampleDigit) count.right += 1;
    else count.wrong += 1;
  } catch (thrown) {
    count.refused += 1;
    throw thrown;
  }
}
