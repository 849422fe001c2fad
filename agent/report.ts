/**
 * What this device says of itself: every change of state at once, progress at most once a second.
 */
import type { ErrorReport } from '../shared/errors.ts';
import type { AgentReport, Message, Serving } from '../shared/protocol/messages.ts';
import type { DeviceState } from '../shared/protocol/states.ts';
import type { Progress } from '../shared/variants.ts';
import type { Journal } from './journal.ts';
import type { Link } from './link.ts';

export type Reported = Message<'reported'>;

export interface Status {
  readonly revision: number;
  readonly state: DeviceState;
  readonly reason: string;
  readonly progress?: Progress | null | undefined;
  readonly error?: ErrorReport | null;
}

export interface Reporter {
  report(status: Status): void;
  /**
   * Sends the present report again, with a new number: after a connection, or while not
   * acknowledged.
   */
  repeat(): void;
  acknowledge(seq: number): void;
  last(): Reported | null;
  end(): void;
}

export interface ReporterOptions {
  readonly device: string;
  readonly journal: Journal;
  readonly link: () => Link | null;
  readonly serving: () => Serving | null;
  readonly endpoint: () => string | null;
  /** How the agent itself stands. */
  readonly agent: () => AgentReport;
  readonly onReport?: (reported: Reported) => void;
}

const progressMs = 1000;
/** A report that the controller has not acknowledged is sent again so often. */
const repeatMs = 30_000;

export function createReporter(options: ReporterOptions): Reporter {
  const { device, journal } = options;
  let status: Status | null = null;
  let last: Reported | null = null;
  let acknowledged = -1;
  let sentMs = 0;
  let since = new Date().toISOString();
  let later: NodeJS.Timeout | null = null;
  const repeating = setInterval(() => {
    if (last !== null && acknowledged < last.seq) send();
  }, repeatMs);
  repeating.unref();

  function send(): void {
    if (later !== null) clearTimeout(later);
    later = null;
    if (status === null) return;
    sentMs = performance.now();
    last = {
      v: 1,
      device,
      seq: journal.nextSeq(),
      revision: status.revision,
      at: new Date().toISOString(),
      ...{ state: status.state, since },
      reason: status.reason.slice(0, 4000),
      progress: status.progress ? { ...status.progress } : null,
      serving: options.serving(),
      error: status.error ? { ...status.error } : null,
      endpoint: options.endpoint(),
      agent: options.agent(),
    };
    options.onReport?.(last);
    options.link()?.send('reported', last);
  }

  return {
    report(next) {
      const onlyProgress = status !== null && sameButProgress(status, next);
      if (status?.state !== next.state || status.revision !== next.revision) {
        since = new Date().toISOString();
      }
      status = next;
      const waitMs = onlyProgress ? sentMs + progressMs - performance.now() : 0;
      if (waitMs <= 0) send();
      else later ??= setTimeout(send, waitMs).unref();
    },
    repeat: send,
    acknowledge(seq) {
      acknowledged = Math.max(acknowledged, seq);
    },
    last: () => last,
    end() {
      clearInterval(repeating);
      if (later !== null) clearTimeout(later);
    },
  };
}

/** Progress is a different number for the same thing that is being done. */
function sameButProgress(a: Status, b: Status): boolean {
  return (
    a.revision === b.revision &&
    a.state === b.state &&
    a.error?.code === b.error?.code &&
    (b.progress != null || a.reason === b.reason) &&
    (a.progress != null) === (b.progress != null)
  );
}
