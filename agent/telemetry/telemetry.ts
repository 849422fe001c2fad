/** Closes a window every few seconds, and sends what is spooled, one document at a time. */
import { type NetworkBytes, networkBytes } from '../../shared/network-bytes.ts';
import type { Message } from '../../shared/protocol/messages.ts';
import type { Readings } from '../../shared/protocol/readings.ts';
import type { Link } from '../link.ts';
import type { QueueLook } from '../serve/queue-meter.ts';
import type { Drifts } from './drift.ts';
import type { Meter, Subject } from './meter.ts';
import type { DeviceReadings } from './readings.ts';
import type { NewWindow, Spool } from './spool.ts';
import { usageMeter } from './usage.ts';

export interface Telemetry {
  /** A connection was made: what was under way may be lost, and is sent again with what waits. */
  again(): void;
  acknowledge(ack: NonNullable<Message<'ack'>['telemetry']>): void;
  setPeriod(seconds: number): void;
  /** The last window's readings, empty before the first. */
  last(): LastReadings;
  /** Closes the window under way, so that nothing counted is lost. */
  end(): Promise<void>;
}

export interface LastReadings extends Readings {
  readonly temperatureC?: number | null;
}

export interface TelemetryOptions {
  readonly device: string;
  readonly meter: Meter;
  readonly spool: Spool;
  readonly link: () => Link | null;
  /** What serves now. */
  readonly subject: () => Subject | null;
  /** How that does; null where nothing serves. */
  readonly look: () => (QueueLook & Drifts) | null;
  readonly readDevice: () => Promise<DeviceReadings>;
  readonly onFault: (thrown: unknown) => void;
  readonly clock?: Clock;
}

export interface Clock {
  /** Since 1970, as this device believes. */
  wallMs(): number;
  /** How long this process has run. */
  ranMs(): number;
}

const systemClock: Clock = { wallMs: () => Date.now(), ranMs: () => performance.now() };

/** How long the controller may take to acknowledge before the same document is sent again. */
const ackTimeoutMs = 15_000;
const defaultSeconds = 5;
/** An hour of the usual windows. */
const unstoredMax = 720;

export function startTelemetry(options: TelemetryOptions): Telemetry {
  const sender = createSender(options);
  const collector = createCollector(options);
  const { close } = collector;
  let seconds = defaultSeconds;
  let timer: NodeJS.Timeout | null = null;

  function schedule(): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(tick, seconds * 1000).unref();
  }

  function tick(): void {
    schedule();
    close().then(sender.send).catch(options.onFault);
  }

  schedule();
  return {
    again: sender.again,
    acknowledge(ack) {
      if (options.spool.acknowledge(ack)) sender.again();
    },
    setPeriod(next) {
      if (next === seconds) return;
      seconds = next;
      schedule();
    },
    last: collector.last,
    async end() {
      if (timer !== null) clearTimeout(timer);
      sender.settle();
      await close();
    },
  };
}

/** One document is under way at a time: the next one goes when it is acknowledged, or given up. */
function createSender({ device, spool, link, onFault }: TelemetryOptions) {
  let underway: NodeJS.Timeout | null = null;
  function settle(): void {
    if (underway !== null) clearTimeout(underway);
    underway = null;
  }
  function send(): void {
    const open = link();
    if (underway !== null || !open?.connected) return;
    const batch = spool.batch(device);
    if (batch === null) return;
    underway = setTimeout(again, ackTimeoutMs).unref();
    open.send('telemetry', batch).then((sent) => sent || settle(), onFault);
  }
  function again(): void {
    settle();
    send();
  }
  return { send, settle, again };
}

interface Collector {
  /** What was counted since the last call, on disk. */
  close(): Promise<void>;
  last(): LastReadings;
}

export function createCollector({
  meter,
  spool,
  subject,
  look,
  readDevice,
  clock = systemClock,
}: Omit<TelemetryOptions, 'link' | 'device' | 'onFault'>): Collector {
  const usage = usageMeter();
  let startMs = clock.wallMs();
  /** Windows that the disk did not take yet. */
  const unstored: NewWindow[] = [];
  let network = networkBytes();
  let last: LastReadings = {};
  const close = async () => {
    const endMs = clock.wallMs();
    const span = {
      start: new Date(startMs).toISOString(),
      // The clock may have been set back meanwhile.
      seconds: Math.max(0, (endMs - startMs) / 1000),
    };
    startMs = endMs;
    const now = subject();
    const tallies = meter.take(now);
    const [total, before] = [networkBytes(), network];
    network = total;
    const state = { ...usage.look(), ...(await readDevice()) };
    const own = ownReadings(look());
    last = { ...state, ...own };
    const windows = tallies.map(
      ({ subject: about, requests, errors, latencyMs, unserved }, at): NewWindow => {
        const { model, version, variant } = about ?? { model: null, version: null, variant: null };
        const counted = { ...span, model, version, variant, requests, errors, latencyMs, ...state };
        const serves = now !== null && variant === now.variant && version === now.version;
        // Bytes are counted once, however many variants answered.
        const bytes = at === 0 && { networkBytes: difference(total, before) };
        const left = Object.keys(unserved).length > 0 && { unserved };
        return { ...counted, ...left, ...(serves && own), ...bytes };
      },
    );
    unstored.push(...windows);
    const over = unstored.splice(0, Math.max(0, unstored.length - unstoredMax));
    if (over.length > 0) spool.lose(over.length);
    for (let next = unstored[0]; next; next = unstored[0]) {
      spool.add([next], clock.ranMs());
      unstored.shift();
    }
  };
  return { close, last: () => last };
}

/** Compact on the wire: what says nothing is left out. */
function ownReadings(found: (QueueLook & Drifts) | null): Readings {
  if (found === null) return {};
  const { queue, batch, ...drifts } = found;
  return {
    ...(queue > 0 && { queue }),
    ...(batch !== null && { batch: Number(batch.toPrecision(3)) }),
    ...drifts,
  };
}

function difference(now: NetworkBytes, before: NetworkBytes): NetworkBytes {
  return { sent: now.sent - before.sent, received: now.received - before.received };
}
