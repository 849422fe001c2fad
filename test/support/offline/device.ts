/**
 * The telemetry of one device, with its real spool and its real connection, and a clock that is
 * told what time it is.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { openJournal } from '../../../agent/journal.ts';
import { type Link, openLink } from '../../../agent/link.ts';
import { openStore } from '../../../agent/store.ts';
import { createMeter } from '../../../agent/telemetry/meter.ts';
import { openSpool } from '../../../agent/telemetry/spool.ts';
import { createCollector, startTelemetry } from '../../../agent/telemetry/telemetry.ts';
import type { EnrolAnswer } from '../../../shared/protocol/api.ts';

export interface OfflineDevice {
  readonly name: string;
  /** Lives from one time to the other without a connection; so many requests are counted. */
  live(span: { fromMs: number; toMs: number; windowMs: number }): Promise<number>;
  /** Connects and sends until nothing waits; `restarts` times it is stopped in the middle. */
  drain(restarts: number): Promise<void>;
}

export interface OfflineOptions {
  readonly identity: EnrolAnswer & { readonly controller: string };
  readonly folder: string;
  readonly random: () => number;
}

const requestsMax = 40;
const errorShare = 0.02;
/** Real time that a process goes on sending before it is stopped. */
const restartMs = 300;
const drainMs = 8 * 60_000;
const subject = { model: 'tiny', version: 1, variant: `sha256:${'a'.repeat(64)}` } as const;

export function createOfflineDevice(options: OfflineOptions): OfflineDevice {
  const { identity, random } = options;
  return {
    name: identity.device,
    async live({ fromMs, toMs, windowMs }) {
      const { store, spool } = openState(options);
      const meter = createMeter();
      let nowMs = fromMs;
      const clock = { wallMs: () => nowMs, ranMs: () => nowMs - fromMs };
      const readDevice = async () => ({ temperatureC: null });
      const parts = { meter, spool, look: () => null, readDevice, clock };
      const { close } = createCollector({ ...parts, subject: () => subject });
      let requests = 0;
      while (nowMs < toMs) {
        nowMs += windowMs;
        for (let left = Math.floor(random() * requestsMax); left > 0; left--) {
          meter.count(subject, { latencyMs: 1 + random() * 20, ok: random() > errorShare });
          requests += 1;
        }
        await close();
      }
      store.close();
      return requests;
    },
    async drain(restarts) {
      for (let run = 0; run < restarts; run++) await send(options, restartMs);
      const waiting = await send(options, drainMs);
      if (waiting > 0) throw new Error(`${identity.device}: ${waiting} bytes still wait`);
    },
  };
}

/** One process of the agent: until nothing waits, or its time is over. Returns what still waits. */
async function send({ identity, folder }: OfflineOptions, timeMs: number): Promise<number> {
  const { store, spool } = openState({ folder });
  const meter = createMeter();
  let link: Link | null = null;
  const telemetry = startTelemetry({
    ...{ device: identity.device, meter, spool, link: () => link, subject: () => null },
    look: () => null,
    readDevice: async () => ({ temperatureC: null }),
    onFault: () => {},
  });
  // Nothing is counted any more: what waits is all there is.
  telemetry.setPeriod(86_400);
  link = openLink({
    identity,
    boot: 'one',
    handlers: {
      ...{ onDesired() {}, onRelease() {}, onInfer() {}, onState() {}, onFault() {} },
      onAck: ({ telemetry: ack }) => ack && telemetry.acknowledge(ack),
      onConnected: () => telemetry.again(),
    },
  });
  const endMs = performance.now() + timeMs;
  while (spool.bytes() > 0 && performance.now() < endMs) await pause(20);
  const waiting = spool.bytes();
  await link.end();
  store.close();
  return waiting;
}

function openState({ folder }: Pick<OfflineOptions, 'folder'>) {
  const store = openStore(folder);
  const journal = openJournal(store, (text) => {
    throw new Error(text);
  });
  return { store, spool: openSpool(store, journal) };
}
