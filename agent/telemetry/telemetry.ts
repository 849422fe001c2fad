/** Closes a window every few seconds, and sends what is spooled, one document at a time. */
import type { Message } from '../../shared/protocol/messages.ts';
import type { Link } from '../link.ts';
import type { Meter, Subject } from './meter.ts';
import type { NewWindow, Spool } from './spool.ts';
import { usageMeter } from './usage.ts';

export interface Telemetry {
  /** A connection was made, or the controller answered: send what waits. */
  send(): void;
  acknowledge(ack: NonNullable<Message<'ack'>['telemetry']>): void;
  setPeriod(seconds: number): void;
  /** Closes the window under way, so that nothing counted is lost. */
  end(): Promise<void>;
}

export interface TelemetryOptions {
  readonly device: string;
  readonly meter: Meter;
  readonly spool: Spool;
  readonly link: () => Link | null;
  /** What serves now. */
  readonly subject: () => Subject | null;
  readonly temperature: () => Promise<number | null>;
  readonly onFault: (thrown: unknown) => void;
}

/** How long the controller may take to acknowledge before the same document is sent again. */
const ackTimeoutMs = 15_000;
const defaultSeconds = 5;

export function startTelemetry(options: TelemetryOptions): Telemetry {
  const usage = usageMeter();
  let startedMs = Date.now();
  let underway: NodeJS.Timeout | null = null;
  let timer = setTimeout(tick, defaultSeconds * 1000);
  let seconds = defaultSeconds;
  timer.unref();

  function send(): void {
    const link = options.link();
    if (underway !== null || !link?.connected) return;
    const batch = options.spool.batch(options.device);
    if (batch === null) return;
    underway = setTimeout(settle, ackTimeoutMs);
    underway.unref();
    link.send('telemetry', batch).then((sent) => !sent && settle(), options.onFault);
  }

  function settle(): void {
    if (underway !== null) clearTimeout(underway);
    underway = null;
  }

  async function close(): Promise<void> {
    const endedMs = Date.now();
    const span = { startMs: startedMs, seconds: Math.max(0, (endedMs - startedMs) / 1000) };
    startedMs = endedMs;
    const tallies = options.meter.take(options.subject());
    const state = { ...usage.look(), temperatureC: await options.temperature() };
    const windows = tallies.map(
      (tally): NewWindow => ({
        start: new Date(span.startMs).toISOString(),
        seconds: span.seconds,
        model: tally.subject?.model ?? null,
        version: tally.subject?.version ?? null,
        variant: tally.subject?.variant ?? null,
        requests: tally.requests,
        errors: tally.errors,
        latencyMs: tally.latencyMs,
        ...state,
      }),
    );
    options.spool.add(windows, endedMs);
  }

  function tick(): void {
    timer = setTimeout(tick, seconds * 1000);
    timer.unref();
    close().then(send).catch(options.onFault);
  }

  return {
    send,
    acknowledge(ack) {
      options.spool.acknowledge(ack);
      settle();
      send();
    },
    setPeriod(next) {
      if (next === seconds) return;
      seconds = next;
      clearTimeout(timer);
      timer = setTimeout(tick, seconds * 1000);
      timer.unref();
    },
    async end() {
      clearTimeout(timer);
      settle();
      await close();
    },
  };
}
