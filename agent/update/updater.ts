/**
 * The agent updates itself as it updates a model: another version is staged beside it, tried, and
 * current once it has proven itself. Putting it aside where it has not is the launcher's part,
 * which belongs to no version.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FettleError, reportError } from '../../shared/errors.ts';
import { productVersion } from '../../shared/product.ts';
import type { AgentReport, Release } from '../../shared/protocol/messages.ts';
import type { Identity } from '../enrol.ts';
import type { Journal } from '../journal.ts';
import type { Log } from '../log.ts';
import { createRetry, waitedOut } from '../retry.ts';
import { type Health, planUpdate, type UpdatePlan, unproven } from './decide.ts';
import { openVersions, type Versions, versionName } from './versions.ts';

export interface UpdaterOptions {
  readonly journal: Journal;
  readonly identity: () => Identity;
  readonly log: Log;
  readonly event: (level: 'info' | 'warn' | 'error', code: string, message: string) => void;
  readonly health: () => Health;
  /** What is said of the agent has changed. */
  readonly onReport: () => void;
  /** Ends this process in good order: the launcher starts the wanted version. */
  readonly onRestart: () => void;
}

export interface Updater {
  /** There is a newer release document in the journal. */
  wake(): void;
  reachable(): void;
  report(): AgentReport;
  end(): Promise<void>;
}

type Standing = Pick<AgentReport, 'state' | 'reason' | 'error'>;

interface Updating {
  readonly options: UpdaterOptions;
  readonly versions: Versions;
  readonly retry: ReturnType<typeof createRetry>;
  readonly say: (standing: Standing) => void;
}

const lookMs = 500;

export function startUpdater(options: UpdaterOptions): Updater {
  const { journal, log } = options;
  const versions = openVersions(process.env);
  const ended = new AbortController();
  let underway = new AbortController();
  let bell = Promise.withResolvers<void>();
  const ring = () => bell.resolve();
  const retry = createRetry(ring);
  // A version on trial must never be taken for one that has proven itself.
  const onTrial = versions?.onTrial() === true;
  let standing: Standing = { state: onTrial ? 'trying' : 'current', reason: 'starts', error: null };
  const say = (next: Standing) => {
    standing = next;
    options.onReport();
  };
  const known = journal.get('update');
  if (known) retry.plan(known);

  async function run(): Promise<void> {
    if (versions) await hearRefusal({ options, versions, retry, say });
    while (!ended.signal.aborted) {
      bell = Promise.withResolvers<void>();
      underway = new AbortController();
      const signal = AbortSignal.any([underway.signal, ended.signal]);
      try {
        if (versions) await step({ options, versions, retry, say }, signal);
        else sayFixed(options, say);
      } catch (thrown) {
        if (!signal.aborted) log('error', reportError(thrown).message, { err: thrown });
      }
      if (!ended.signal.aborted) await bell.promise;
    }
  }

  const running = run();
  return {
    wake() {
      underway.abort();
      ring();
    },
    reachable: () => retry.now(),
    report: () => ({
      ...{ version: productVersion(), digest: versions?.digest ?? null, ...standing },
      revision: journal.get('release')?.revision ?? 0,
    }),
    async end() {
      ended.abort();
      retry.end();
      ring();
      await running;
    },
  };
}

async function step(updating: Updating, signal: AbortSignal): Promise<void> {
  const { options, versions, retry, say } = updating;
  const { journal, log } = options;
  const release = journal.get('release');
  const failure = journal.get('update');
  const plan = planUpdate(release, {
    running: versions.digest,
    onTrial: versions.onTrial(),
    staged: release !== null && (await versions.has(versionName(release.version, release.digest))),
    failed: failure && { revision: failure.revision, due: retry.isDue(failure) },
  });
  log('debug', `update ${plan.step}: ${plan.reason}`);
  if (plan.step === 'prove') return await prove(updating, signal);
  if (plan.step === 'rest' || release === null) return rest(updating, release, plan);
  const reason = `${plan.step}: ${plan.reason}`;
  say({ state: 'fetching', reason, error: null });
  try {
    if (plan.step === 'stage') await stage(updating, release, signal);
    await change(updating, release);
  } catch (thrown) {
    if (!signal.aborted) fail(updating, release, thrown);
  }
}

/** Ends when it is healthy: how long that may take, and what then, is the launcher's to decide. */
async function prove(updating: Updating, signal: AbortSignal): Promise<void> {
  const { options, versions, say } = updating;
  let told: string | null = null;
  for (;;) {
    const reason = unproven(options.health());
    if (reason === null) break;
    if (reason !== told) say({ state: 'trying', reason, error: null });
    told = reason;
    await sleep(lookMs, undefined, { signal });
  }
  await versions.endTrial();
  options.journal.change({ update: null });
  options.event('info', 'AGENT_UPDATED', `runs ${versions.own}`);
  await step(updating, signal);
}

function rest({ options, versions, say }: Updating, release: Release | null, plan: UpdatePlan) {
  const failure = options.journal.get('update');
  const failed = release !== null && failure?.revision === release.revision;
  if (failed && release.digest !== versions.digest) {
    const state = failure.waiting ? 'fetching' : 'failed';
    say({ state, reason: failure.error.message, error: failure.error });
    return;
  }
  say({ state: 'current', reason: plan.reason, error: null });
}

async function stage(
  { options, versions }: Updating,
  release: Release,
  signal: AbortSignal,
): Promise<void> {
  const wanted = versionName(release.version, release.digest);
  // What an earlier release left behind; the download of this one goes on.
  const archive = `.${wanted}.tar.zst`;
  await versions.keepOnly([versions.own, archive, `${archive}.part`]);
  const { stageVersion } = await import('./stage.ts');
  await stageVersion({ release, versions, identity: options.identity(), signal });
}

async function change({ options, versions, say }: Updating, release: Release): Promise<void> {
  const wanted = versionName(release.version, release.digest);
  // What a power cut left: the archive, a file that was half written.
  await versions.keepOnly([versions.own, wanted]);
  await versions.startTrial(wanted, release.healthySeconds);
  const reason = `restarts as ${wanted}`;
  say({ state: 'trying', reason, error: null });
  options.event('info', 'AGENT_UPDATING', reason);
  options.onRestart();
}

function fail({ options, retry, say }: Updating, release: Release, thrown: unknown): void {
  const { journal, log } = options;
  const error = { ...reportError(thrown) };
  const { revision } = release;
  const before = journal.get('update');
  const attempts = before?.revision === revision ? before.attempts + 1 : 0;
  const failure = { revision, error, attempts, waiting: waitedOut.includes(error.code) };
  journal.change({ update: failure });
  log(failure.waiting ? 'warn' : 'error', `update: ${error.message} (${error.code})`);
  if (!failure.waiting) options.event('error', error.code, error.message);
  say({ state: failure.waiting ? 'fetching' : 'failed', reason: error.message, error });
  retry.plan(failure);
}

/** The launcher put a version aside, and started this one in its place. */
async function hearRefusal(updating: Updating): Promise<void> {
  const { options, versions } = updating;
  const refusal = await versions.takeRefusal();
  const release = options.journal.get('release');
  if (refusal === null || release === null) return;
  if (refusal.name !== versionName(release.version, release.digest)) return;
  const { reason } = refusal;
  fail(updating, release, new FettleError('AGENT_REFUSED', { version: refusal.name, reason }));
}

function sayFixed({ journal }: UpdaterOptions, say: (standing: Standing) => void): void {
  const release = journal.get('release');
  if (release === null) {
    say({ state: 'current', reason: 'runs', error: null });
    return;
  }
  const reason = 'it was not put there by the install command';
  const error = new FettleError('AGENT_FIXED', { version: release.version, reason });
  say({ state: 'failed', reason: error.message, error: { ...reportError(error) } });
}
