/** The agent: puts its parts together, keeps them running, and ends them in order. */
import { randomUUID } from 'node:crypto';
import type { Digest } from '../shared/digest.ts';
import { FettleError } from '../shared/errors.ts';
import { productVersion } from '../shared/product.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { openConversation } from './conversation.ts';
import { deviceProfile } from './device-profile.ts';
import { identify } from './enrol.ts';
import { fallBack } from './fallback.ts';
import { faultLine } from './link.ts';
import type { Log } from './log.ts';
import { hottestCelsius } from './profile/thermal.ts';
import { startReconciler } from './reconcile.ts';
import { createReporter, type Reported } from './report.ts';
import { openHttp } from './serve/http.ts';
import { answerMessage } from './serve/message.ts';
import { metricsText } from './serve/metrics.ts';
import { createServer } from './serve/server.ts';
import type { AgentSettings } from './settings.ts';
import { openState } from './state.ts';
import { createMeter } from './telemetry/meter.ts';
import { startTelemetry } from './telemetry/telemetry.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  readonly log: Log;
  /** Aborted to give up a start that waits, for the controller say. */
  readonly signal: AbortSignal;
  readonly onReport?: (reported: Reported) => void;
  /** What the device is, where looking at it is not wanted. */
  readonly profile?: Profile;
}

export interface Agent {
  readonly device: string;
  /** Where inference requests are answered, `http://host:port`. */
  readonly endpoint: string;
  /** Finishes requests under way, says goodbye and closes everything. */
  stop(): Promise<void>;
}

/** Of one inference request; a batch of images is large. */
const bodyBytesMax = 64 << 20;

/** Throws `ENROLMENT_REFUSED`, `CONTROLLER_UNREACHABLE`, `BAD_SETTING` or `PORT_IN_USE`. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { settings, log, signal, onReport } = options;
  const { device } = settings;
  const identity = await identify(settings, signal);
  const state = openState(settings.dataFolder, log);
  const { journal, spool, risk } = state;
  const meter = createMeter();
  const server = createServer({ meter, risk });
  const ending = new AbortController();
  let profiling = options.profile ? Promise.resolve(options.profile) : null;
  const profile = () => {
    profiling ??= deviceProfile(settings, journal, ending.signal);
    return profiling;
  };
  const report = () => reporter.last();
  const http = await openHttp({
    host: settings.httpHost,
    port: settings.httpPort,
    server,
    version: productVersion(),
    bodyBytesMax,
    report,
    metrics: () => metricsText({ meter, spool, server, report: report() }),
  });
  const boot = randomUUID();
  const speaking = { settings, identity, boot, journal, log, profile, signal: ending.signal };
  const conversation = openConversation(speaking);
  const { link } = conversation;
  const reporter = createReporter({
    device,
    journal,
    link,
    serving: () => server.active()?.serving ?? null,
    endpoint: () => http.url,
    ...(onReport && { onReport }),
  });
  const onFault = (thrown: unknown) => log('warn', faultLine(thrown));
  const subject = () => server.active()?.serving ?? null;
  const telemetry = startTelemetry({
    device,
    meter,
    spool,
    link,
    subject,
    temperature: hottestCelsius,
    onFault,
  });
  const known = journal.get('desired');
  if (known) telemetry.setPeriod(known.telemetrySeconds);

  function crashed(key: Digest, times: number): void {
    const active = server.active();
    if (active?.key !== key) return;
    const digest = active.serving.variant;
    const error = new FettleError('SERVE_CRASH_LOOP', { digest, times });
    fallBack(journal, error);
    conversation.event('error', error.code, error.message);
    server.retire().then(reconciler.preempt, onFault);
  }

  const reconciler = startReconciler({
    ...state,
    server,
    settings,
    log,
    profile,
    reporter,
    get identity() {
      return conversation.identity();
    },
    event: conversation.event,
    tuned: conversation.sendTuning,
    crashed,
  });
  conversation.begin({
    reporter,
    telemetry,
    onDesired: reconciler.preempt,
    onReachable: reconciler.reachable,
    onInfer: (request) => void answerMessage(request, { server, link }),
  });
  return {
    device,
    endpoint: http.url,
    async stop() {
      ending.abort();
      await reconciler.end();
      await http.close();
      await telemetry.end();
      reporter.end();
      await conversation.end();
      await server.retire();
      state.close();
    },
  };
}
