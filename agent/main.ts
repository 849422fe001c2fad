/** The agent: puts its parts together, keeps them running, and ends them in order. */
import { randomUUID } from 'node:crypto';
import { FettleError } from '../shared/errors.ts';
import { keepResolved } from '../shared/keep-resolved.ts';
import type { Exporter } from '../shared/otlp/exporter.ts';
import type { SpanSink } from '../shared/otlp/tracer.ts';
import { productVersion } from '../shared/product.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { type Conversation, openConversation } from './conversation.ts';
import { deviceProfile } from './device-profile.ts';
import { startDriftWatch } from './drift-watch.ts';
import { awaitIdentity, type Identity } from './enrol.ts';
import { rollBack } from './fallback.ts';
import { finishServing } from './finish-serving.ts';
import { createHistory, started, stopped } from './history.ts';
import { faultLine } from './link.ts';
import type { Log } from './log.ts';
import { keyOf } from './look.ts';
import { type Reconciler, startReconciler } from './reconcile.ts';
import { createReporter, type Reported, type Reporter } from './report.ts';
import { type Http, openHttp } from './serve/http.ts';
import { answerMessages } from './serve/message.ts';
import { type Metered, metricRows, metricsText } from './serve/metrics.ts';
import { createServer, type Server } from './serve/server.ts';
import type { AgentSettings } from './settings.ts';
import { openState, type State } from './state.ts';
import { createMeter, type Meter } from './telemetry/meter.ts';
import { deviceReader } from './telemetry/readings.ts';
import { type LastReadings, startTelemetry, type Telemetry } from './telemetry/telemetry.ts';
import type { Health } from './update/decide.ts';
import { startUpdater, type Updater } from './update/updater.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  readonly log: Log;
  /** Aborted to give up a start that waits, for the controller say. */
  readonly signal: AbortSignal;
  readonly onReport?: (reported: Reported) => void;
  /** What the device is, where looking at it is not wanted. */
  readonly profile?: Profile;
  /** Called where another version of the agent is to be started in the place of this one. */
  readonly onRestart?: () => void;
}

export interface Agent {
  readonly device: string;
  /** Where inference requests are answered, `http://host:port`. */
  readonly endpoint: string;
  /** Finishes requests under way, says goodbye and closes everything. */
  stop(): Promise<void>;
}

interface Parts {
  readonly options: AgentOptions;
  readonly state: State;
  readonly meter: Meter;
  readonly server: Server;
  readonly conversation: Conversation;
  readonly profile: () => Promise<Profile>;
  readonly updater: Updater;
}

/** Of one inference request; a batch of images is large. */
const bodyBytesMax = 64 << 20;

/**
 * Throws `ENROLMENT_REFUSED`, `CONTROLLER_UNREACHABLE`, `BAD_SETTING`, `PORT_IN_USE`, or `CONFLICT`
 * where another agent has the same data folder.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { log } = options;
  const identity = await awaitIdentity(options.settings, options.signal, {
    attemptsMax: Number.POSITIVE_INFINITY,
    onWait: (thrown) => log('warn', `${faultLine(thrown)}; it is asked again`),
  });
  const { device } = identity;
  const settings = { ...options.settings, device };
  return await start({ ...options, settings }, identity);
}

async function start(options: AgentOptions, identity: Identity): Promise<Agent> {
  const { settings, log } = options;
  const { device } = settings;
  const ending = new AbortController();
  const state = openState(settings.dataFolder, log);
  const { journal } = state;
  const meter = createMeter();
  const server = createServer({ meter, risk: state.risk });
  const profile = profileOnce(options, state, ending.signal);
  const { events } = state.store;
  const speaking = { settings, identity, boot: randomUUID(), journal, events, log, profile };
  const conversation = openConversation({ ...speaking, signal: ending.signal });
  let reporter: Reporter | null = null;
  let telemetry: Telemetry | null = null;
  const made = { options, state, meter, server, conversation, profile };
  const known: Known = {
    report: () => reporter?.last() ?? null,
    readings: () => telemetry?.last() ?? {},
  };
  const exporter = await exportTo(made, known);
  const spans = exporter?.span ?? null;
  const http = await openDoor(made, known, spans);
  const updater = startUpdater({
    ...{ journal, log, identity: conversation.identity, event: conversation.event },
    health: () => healthOf(made),
    onReport: () => reporter?.repeat(),
    onRestart: () => options.onRestart?.(),
  });
  const parts: Parts = { ...made, updater };
  conversation.note(started(productVersion()));
  reporter = startReporter(parts, http);
  announce(reporter, journal);
  const counting = startCounting(parts);
  telemetry = counting;
  const reconciler = startReconciling(parts, reporter);
  const messages = answerMessages({ server, link: conversation.link, spans, log });
  const endDrift = watchDrift(parts, reconciler);
  conversation.begin({
    ...{ reporter, telemetry: counting, onInfer: messages.onInfer },
    onDesired: reconciler.preempt,
    onRelease: updater.wake,
    onReachable() {
      reconciler.reachable();
      updater.reachable();
    },
  });
  return {
    device,
    endpoint: http.url,
    async stop() {
      conversation.note(stopped);
      ending.abort();
      endDrift();
      const answered = finishServing(settings, { server, http, messages });
      await updater.end();
      await reconciler.end();
      await answered;
      await counting.end();
      reporter.end();
      await conversation.end();
      await server.retire();
      await exporter?.stop();
      state.close();
    },
  };
}

function profileOnce(
  { settings, log, profile: given }: AgentOptions,
  { journal }: State,
  signal: AbortSignal,
): () => Promise<Profile> {
  const asking = { settings, log, journal, signal };
  return keepResolved(async () => given ?? (await deviceProfile(asking)));
}

type Made = Omit<Parts, 'updater'>;

interface Known {
  readonly report: () => Reported | null;
  readonly readings: () => LastReadings;
}

async function exportTo(parts: Made, known: Known): Promise<Exporter | null> {
  const { settings, log } = parts.options;
  const { otlp: url, device } = settings;
  if (url === null) return null;
  const { startExport } = await import('./export.ts');
  return startExport({ url, device, log, rows: () => metricRows(meteredOf(parts, known)) });
}

function meteredOf({ state, meter, server }: Made, { report, readings }: Known): Metered {
  return { meter, spool: state.spool, server, report: report(), readings: readings() };
}

async function openDoor(parts: Made, known: Known, spans: SpanSink | null): Promise<Http> {
  const { options, state, server, conversation } = parts;
  const { httpHost: host, httpPort: port } = options.settings;
  const { report } = known;
  const metrics = () => metricsText(meteredOf(parts, known));
  const version = productVersion();
  try {
    return await openHttp({
      ...{ host, port, server, version, bodyBytesMax, report, metrics, spans },
      connection: conversation.connection,
    });
  } catch (thrown) {
    state.close();
    throw thrown;
  }
}

/** What a version on trial has to show: see `agent/update/decide.ts`. */
function healthOf({ state, server, conversation }: Omit<Parts, 'updater'>): Health {
  const slot = state.journal.get('current');
  return {
    connected: conversation.link()?.connected === true,
    served: slot && keyOf(slot),
    serves: server.loaded(),
  };
}

function startReporter(parts: Parts, http: Http): Reporter {
  const { options, state, server, conversation, updater } = parts;
  const { settings, onReport } = options;
  const history = createHistory(conversation.note);
  return createReporter({
    device: settings.device,
    journal: state.journal,
    link: conversation.link,
    serving: () => server.active()?.serving ?? null,
    endpoint: () => http.url,
    agent: updater.report,
    onReport(reported) {
      history(reported);
      onReport?.(reported);
    },
  });
}

/**
 * The last words of a process that was killed may have been that it serves: they are taken back
 * before anything else is said.
 */
function announce(reporter: Reporter, journal: State['journal']): void {
  if (!journal.get('current')) return;
  const revision = journal.get('desired')?.revision ?? 0;
  reporter.report({ revision, state: 'proving', reason: 'loads what served before' });
}

function startCounting({ options, state, meter, server, conversation }: Parts): Telemetry {
  const telemetry = startTelemetry({
    device: options.settings.device,
    meter,
    spool: state.spool,
    link: conversation.link,
    subject: () => server.active()?.serving ?? null,
    look() {
      const active = server.active();
      return active && { ...active.pool.takeQueue(), ...active.drift?.look() };
    },
    readDevice: deviceReader(options.settings.dataFolder),
    onFault: (thrown) => options.log('warn', faultLine(thrown)),
  });
  const known = state.journal.get('desired');
  if (known) telemetry.setPeriod(known.telemetrySeconds);
  return telemetry;
}

function watchDrift({ options, state, server, conversation }: Parts, reconciler: Reconciler) {
  return startDriftWatch({
    ...{ journal: state.journal, server },
    onDrift(reason) {
      conversation.event('info', 'RETUNE', reason);
      reconciler.wake();
    },
    onFault: (thrown) => options.log('warn', faultLine(thrown)),
  });
}

function startReconciling(parts: Parts, reporter: Reporter): Reconciler {
  const { options, state, server, conversation, profile } = parts;
  const { settings, log } = options;
  const reconciler = startReconciler({
    ...state,
    ...{ server, settings, log, profile, reporter },
    get identity() {
      return conversation.identity();
    },
    event: conversation.event,
    tuned: conversation.sendTuning,
    crashed(key, times) {
      const active = server.active();
      if (active?.key !== key) return;
      const digest = active.serving.variant;
      const error = new FettleError('SERVE_CRASH_LOOP', { digest, times });
      conversation.event('error', error.code, error.message);
      rollBack({ journal: state.journal, server }, error).then(reconciler.preempt, (thrown) =>
        log('warn', faultLine(thrown)),
      );
    },
  });
  return reconciler;
}
