/**
 * What the agent hears from its controller and tells it, over whichever connection there is at the
 * time.
 */
import type { Message } from '../shared/protocol/messages.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { judgeDesired } from './desired.ts';
import { enrol, type Identity } from './enrol.ts';
import type { Journal } from './journal.ts';
import { faultLine, type Link, openLink } from './link.ts';
import type { Log } from './log.ts';
import type { Reporter } from './report.ts';
import type { AgentSettings } from './settings.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface Speaking {
  readonly settings: AgentSettings;
  readonly identity: Identity;
  readonly boot: string;
  readonly journal: Journal;
  readonly log: Log;
  readonly profile: () => Promise<Profile>;
  readonly signal: AbortSignal;
}

export interface Hearing {
  readonly reporter: Reporter;
  readonly telemetry: Telemetry;
  /** A newer document is in the journal. */
  readonly onDesired: () => void;
  readonly onReachable: () => void;
  readonly onInfer: (request: Message<'infer'>) => void;
}

export interface Conversation {
  /** Connects, in the background and for ever. */
  begin(hearing: Hearing): void;
  link(): Link | null;
  identity(): Identity;
  event(level: 'info' | 'warn' | 'error', code: string, message: string): void;
  /** Sends the last tuning, if the controller has not stored it yet. */
  sendTuning(): void;
  end(): Promise<void>;
}

/** Events that may wait for a connection; older ones go. */
const eventsMax = 100;
const enrolPauseMs = 60_000;

export function openConversation(speaking: Speaking): Conversation {
  const { settings, journal, log } = speaking;
  const { device } = settings;
  let identity = speaking.identity;
  let link: Link | null = null;
  let enrolledMs = Number.NEGATIVE_INFINITY;
  const events: Message<'event'>[] = [];

  function event(level: Message<'event'>['level'], code: string, message: string): void {
    const at = new Date().toISOString();
    events.push({ v: 1, device, at, level, code, message: message.slice(0, 4000) });
    if (events.length > eventsMax) events.shift();
    void sendEvents();
  }

  async function sendEvents(): Promise<void> {
    for (let next = events[0]; next && link?.connected; next = events[0]) {
      events.shift();
      if (!(await link.send('event', next))) {
        events.unshift(next);
        return;
      }
    }
  }

  function sendTuning(): void {
    const known = journal.get('tuning');
    if (known && !known.acknowledged) void link?.send('tuning', known.tuning);
  }

  async function sendAll({ reporter, telemetry }: Hearing): Promise<void> {
    const profile = await speaking.profile();
    await link?.send('profile', profile);
    reporter.repeat();
    sendTuning();
    await sendEvents();
    telemetry.send();
  }

  function followDesired(desired: Message<'desired'>, { onDesired, telemetry }: Hearing): void {
    const known = {
      device,
      controllerKey: identity.controllerKey,
      desired: journal.get('desired'),
    };
    const verdict = judgeDesired(desired, known);
    if (!verdict.follow) {
      log(verdict.error ? 'warn' : 'debug', `desired ${desired.revision}: ${verdict.reason}`);
      if (verdict.error) event('warn', verdict.error.code, verdict.error.message);
      return;
    }
    journal.change({ desired });
    telemetry.setPeriod(desired.telemetrySeconds);
    const what = desired.model ? `${desired.model.name} ${desired.model.version}` : 'no model';
    log('info', `revision ${desired.revision}: ${what}`);
    onDesired();
  }

  function followAck(ack: Message<'ack'>, { reporter, telemetry }: Hearing): void {
    if (ack.reportedSeq !== undefined) reporter.acknowledge(ack.reportedSeq);
    if (ack.telemetry) telemetry.acknowledge(ack.telemetry);
    const known = journal.get('tuning');
    if (known && !known.acknowledged && known.tuning.revision === ack.tuningRevision) {
      journal.change({ tuning: { ...known, acknowledged: true } });
    }
  }

  /** The broker no longer takes this device's credentials: with a token it may ask for new ones. */
  async function enrolAgain(hearing: Hearing): Promise<void> {
    if (settings.token === null || performance.now() - enrolledMs < enrolPauseMs) return;
    enrolledMs = performance.now();
    try {
      const { signal } = speaking;
      const asked = { ...settings, controller: identity.controller };
      identity = await enrol(asked, identity.controllerKey, signal);
    } catch (thrown) {
      log('error', `enrolling again: ${faultLine(thrown)}`);
      return;
    }
    log('info', 'enrolled again');
    await link?.end();
    begin(hearing);
  }

  function begin(hearing: Hearing): void {
    link = openLink({
      identity,
      boot: speaking.boot,
      handlers: {
        onDesired: (desired) => followDesired(desired, hearing),
        onAck: (ack) => followAck(ack, hearing),
        onInfer: hearing.onInfer,
        onConnected() {
          log('info', `connected to ${identity.mqtt.url}`);
          hearing.onReachable();
          sendAll(hearing).catch((thrown) => log('warn', faultLine(thrown)));
        },
        onState({ state, reason }) {
          if (state === 'connected' || speaking.signal.aborted) return;
          log('warn', `broker ${identity.mqtt.url}: ${reason}`);
          if (state === 'refused') void enrolAgain(hearing);
        },
        onFault(thrown) {
          log('warn', faultLine(thrown));
        },
      },
    });
  }

  return {
    begin,
    link: () => link,
    identity: () => identity,
    event,
    sendTuning,
    end: async () => link?.end(),
  };
}
