/** What the agent hears from its controller and tells it, over whichever connection there is. */
import { FettleError, reportError } from '../shared/errors.ts';
import type { BusState } from '../shared/mqtt.ts';
import type { Message } from '../shared/protocol/messages.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { formatDuration } from '../shared/terminal/units.ts';
import { type Goal, judgeDesired } from './desired.ts';
import { enrolAgain, findBroker, type Identity } from './enrol.ts';
import { createEvents, type Events } from './events.ts';
import type { Journal } from './journal.ts';
import { faultLine, type Link, openLink } from './link.ts';
import type { Log } from './log.ts';
import type { Queue } from './queue.ts';
import type { Reporter } from './report.ts';
import type { AgentSettings } from './settings.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface Speaking {
  readonly settings: AgentSettings;
  readonly identity: Identity;
  /** Of this run of the agent. */
  readonly boot: string;
  readonly journal: Journal;
  /** Where events wait. */
  readonly events: Queue;
  readonly log: Log;
  readonly profile: () => Promise<Profile>;
  readonly signal: AbortSignal;
}

export interface Hearing {
  readonly reporter: Reporter;
  readonly telemetry: Telemetry;
  /** A newer document is in the journal. */
  readonly onDesired: () => void;
  /** A newer release is in the journal. */
  readonly onRelease: () => void;
  readonly onReachable: () => void;
  readonly onInfer: (request: Message<'infer'>) => void;
}

export interface Connection {
  readonly state: BusState['state'];
  /** Why it is not connected; '' when it is. */
  readonly reason: string;
  /** What to do about it; null where there is nothing but to wait. */
  readonly todo: string | null;
}

export interface Conversation {
  /** Connects, in the background and for ever. */
  begin(hearing: Hearing): void;
  link(): Link | null;
  /** How the connection to the broker stands. */
  connection(): Connection;
  identity(): Identity;
  readonly event: Events['add'];
  readonly note: Events['note'];
  /** Sends the last tuning, if the controller has not stored it yet. */
  sendTuning(): void;
  end(): Promise<void>;
}

interface Line extends Omit<Speaking, 'identity' | 'events'> {
  readonly events: Events;
  identity: Identity;
  link: Link | null;
  connection: Connection;
  enrolledMs: number;
  askedMs: number;
  /** Since when there is no connection; null while there is one. */
  lost: { readonly ms: number; reason: string } | null;
  /** Runs while the newest document could not be stored. */
  unstored: NodeJS.Timeout | null;
}

const enrolPauseMs = 60_000;
const askPauseMs = 30_000;
const storeMs = 5000;
/** Shorter ones are known to the broker, which says when a device comes and goes. */
const outageMs = 60_000;

export function openConversation(speaking: Speaking): Conversation {
  const { device } = speaking.settings;
  const { events: queue, journal } = speaking;
  const link = () => line.link;
  const events = createEvents({ device, queue, spool: journal.spoolId, link });
  const never = Number.NEGATIVE_INFINITY;
  const times = { enrolledMs: never, askedMs: never, unstored: null, lost: null };
  const connection = { state: 'disconnected', reason: 'not connected yet', todo: null } as const;
  const line: Line = { ...speaking, ...times, events, link: null, connection };
  return {
    begin: (hearing) => begin(line, hearing),
    link: () => line.link,
    connection: () => line.connection,
    identity: () => line.identity,
    event: events.add,
    note: events.note,
    sendTuning: () => sendTuning(line),
    async end() {
      if (line.unstored) clearTimeout(line.unstored);
      await line.link?.end();
    },
  };
}

function begin(line: Line, hearing: Hearing): void {
  const { identity, boot, log, signal, settings } = line;
  line.lost ??= { ms: performance.now(), reason: 'no answer yet' };
  line.link = openLink({
    ...{ identity, boot, tls: settings.mqttTls },
    handlers: {
      onDesired: (desired) => followDesired(line, desired, hearing),
      onRelease: (release) => followRelease(line, release, hearing),
      onAck: (ack) => followAck(line, ack, hearing),
      onInfer: hearing.onInfer,
      onConnected() {
        log('info', `connected to ${identity.mqtt.url}`);
        noteOutage(line);
        line.lost = null;
        hearing.onReachable();
        sendAll(line, hearing).catch((thrown) => log('warn', faultLine(thrown)));
      },
      onState(state) {
        line.connection = connectionOf(state, identity);
        const { reason, todo } = line.connection;
        if (state.state === 'connected' || signal.aborted) return;
        line.lost ??= { ms: performance.now(), reason: state.reason };
        line.lost.reason = state.reason;
        if (todo === null) {
          log('warn', reason);
          void followBroker(line, hearing);
        } else {
          log('error', `${reason}. ${todo}`);
          void renewCredentials(line, hearing);
        }
      },
      onFault: (thrown) => log('warn', faultLine(thrown)),
    },
  });
}

/** What only this side knows: how long it was alone, and why. */
function noteOutage({ events, lost }: Line): void {
  const outMs = lost ? performance.now() - lost.ms : 0;
  if (!lost || outMs < outageMs) return;
  const message = `without the broker for ${formatDuration(outMs)}: ${lost.reason}`;
  events.note({ kind: 'connection', level: 'warn', code: 'RECONNECTED', message });
}

function connectionOf(
  { state, reason }: BusState,
  { device, mqtt }: Pick<Identity, 'device' | 'mqtt'>,
): Connection {
  const broker = `broker ${mqtt.url}`;
  if (state !== 'refused') {
    return { state, reason: reason === '' ? '' : `${broker}: ${reason}`, todo: null };
  }
  const { message, hint } = new FettleError('CREDENTIALS_VOID', { by: broker, device, reason });
  return { state, reason: message, todo: hint };
}

/** Everything that the other side may have missed. */
async function sendAll(line: Line, { reporter, telemetry }: Hearing): Promise<void> {
  reporter.repeat();
  await line.link?.send('profile', await line.profile());
  sendTuning(line);
  line.events.again();
  telemetry.again();
}

function sendTuning({ journal, link }: Line): void {
  const known = journal.get('tuning');
  if (known && !known.acknowledged) void link?.send('tuning', known.tuning);
}

function followRelease(line: Line, release: Message<'release'>, hearing: Hearing): void {
  if (!isToFollow(line, 'release', release)) return;
  // What cannot be stored comes again with the next connection.
  line.journal.change({ release });
  line.log('info', `release revision ${release.revision}: agent ${release.version}`);
  hearing.onRelease();
}

function isToFollow(line: Line, channel: 'desired' | 'release', document: Goal): boolean {
  const { journal, log, settings, identity } = line;
  const verdict = judgeDesired(document, {
    device: settings.device,
    controllerKey: identity.controllerKey,
    desired: journal.get(channel),
  });
  if (verdict.follow) return true;
  const { error, reason } = verdict;
  log(error ? 'warn' : 'debug', `${channel} ${document.revision}: ${reason}`);
  if (error) line.events.add('warn', error.code, error.message);
  return false;
}

function followDesired(line: Line, desired: Message<'desired'>, hearing: Hearing): void {
  const { journal, log } = line;
  if (!isToFollow(line, 'desired', desired)) return;
  const known = line.unstored !== null;
  if (line.unstored) clearTimeout(line.unstored);
  line.unstored = null;
  try {
    journal.change({ desired });
  } catch (thrown) {
    // A full disk may have room again; the document would come only with the next connection.
    line.unstored = setTimeout(() => followDesired(line, desired, hearing), storeMs).unref();
    const { code, message } = reportError(thrown);
    log('error', `revision ${desired.revision}: ${message}`);
    if (!known) line.events.add('error', code, message);
    return;
  }
  hearing.telemetry.setPeriod(desired.telemetrySeconds);
  const what = desired.model ? `${desired.model.name} ${desired.model.version}` : 'no model';
  log('info', `revision ${desired.revision}: ${what}`);
  hearing.onDesired();
}

function followAck({ journal, events }: Line, ack: Message<'ack'>, hearing: Hearing): void {
  if (ack.event) events.acknowledge(ack.event);
  if (ack.reportedSeq !== undefined) hearing.reporter.acknowledge(ack.reportedSeq);
  if (ack.telemetry) hearing.telemetry.acknowledge(ack.telemetry);
  if (ack.telemetrySeconds !== undefined) hearing.telemetry.setPeriod(ack.telemetrySeconds);
  const known = journal.get('tuning');
  if (known && !known.acknowledged && known.tuning.revision === ack.tuningRevision) {
    journal.change({ tuning: { ...known, acknowledged: true } });
  }
}

/**
 * The broker no longer takes this device's credentials. The machine that the controller knows by
 * its key is given new ones.
 */
async function renewCredentials(line: Line, hearing: Hearing): Promise<void> {
  const { settings, identity, log, signal } = line;
  if (performance.now() - line.enrolledMs < enrolPauseMs) return;
  line.enrolledMs = performance.now();
  try {
    const asked = { ...settings, controller: identity.controller };
    line.identity = await enrolAgain(asked, identity, { signal, pinned: true });
  } catch (thrown) {
    log('error', `enrolling again: ${faultLine(thrown)}`);
    return;
  }
  log('info', 'enrolled again');
  await line.link?.end();
  begin(line, hearing);
}

/** The broker does not answer: the controller may know where it is by now. */
async function followBroker(line: Line, hearing: Hearing): Promise<void> {
  const { settings, identity, log, signal } = line;
  if (performance.now() - line.askedMs < askPauseMs) return;
  line.askedMs = performance.now();
  try {
    const found = await findBroker(settings, identity, signal);
    if (found === identity || signal.aborted || line.identity !== identity) return;
    line.identity = found;
    log('info', `the broker is at ${found.mqtt.url} by now`);
  } catch (thrown) {
    if (!signal.aborted) log('warn', `asking for the broker: ${faultLine(thrown)}`);
    return;
  }
  await line.link?.end();
  begin(line, hearing);
}
