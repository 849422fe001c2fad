/** The loop: look, plan one step, do it, look again. A newer revision aborts the step under way. */
import { type ErrorReport, reportError } from '../shared/errors.ts';
import type { Desired } from '../shared/protocol/messages.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { look } from './look.ts';
import {
  type Current,
  driftsOf,
  goalKeyOf,
  type PlannedStep,
  plan,
  restingState,
  tunedFor,
} from './plan.ts';
import type { Reporter } from './report.ts';
import { createRetry, waitedOut } from './retry.ts';
import { type StepContext, steps } from './steps/step.ts';

export interface Tools
  extends Omit<StepContext, 'desired' | 'goalKey' | 'signal' | 'status' | 'profile'> {
  readonly reporter: Reporter;
  readonly profile: () => Promise<Profile>;
}

export interface Reconciler {
  /** Something changed. */
  wake(): void;
  /** What should be has changed: the step under way is aborted. */
  preempt(): void;
  /** The controller can be reached again. */
  reachable(): void;
  /** Ends the loop, the step under way aborted. */
  end(): Promise<void>;
}

export function startReconciler(tools: Tools): Reconciler {
  const bell = createBell();
  const retry = createRetry(bell.ring);
  const ended = new AbortController();
  let underway = new AbortController();
  const known = tools.journal.get('failure');
  if (known) retry.plan(known);

  async function round(): Promise<void> {
    const desired = tools.journal.get('desired');
    const profile = await tools.profile();
    const drifts = driftsOf(tools.journal.get('drift'), desired);
    const goalKey = goalKeyOf(desired, tunedFor(profile, drifts));
    const due = retry.isDue(tools.journal.get('failure'));
    const { journal, server } = tools;
    const current = await look({ ...tools, loaded: server.loaded(), due });
    const planned = plan(desired, goalKey, current);
    if (planned === null) {
      rest(tools.reporter, desired, current);
      return await bell.rung(ended.signal);
    }
    underway = new AbortController();
    const signal = AbortSignal.any([underway.signal, ended.signal]);
    // A document that came while this round was looking is looked at first.
    if (tools.journal.get('desired')?.revision !== desired?.revision) return;
    tools.log('debug', `step ${planned.step}: ${planned.reason}`);
    try {
      const step = await steps[planned.step]();
      await step({ ...tools, profile, desired, goalKey, signal, status: statusOf(signal) });
      if (current.failure !== null && planned.step !== 'restore') journal.change({ failure: null });
    } catch (thrown) {
      if (!signal.aborted) retry.plan(fail(tools, { desired, planned, thrown }));
    }
  }

  function statusOf(signal: AbortSignal): StepContext['status'] {
    return (state, reason, progress) => {
      const revision = tools.journal.get('desired')?.revision ?? 0;
      if (!signal.aborted) tools.reporter.report({ revision, state, reason, progress });
    };
  }

  const running = (async () => {
    while (!ended.signal.aborted) {
      try {
        await round();
      } catch (thrown) {
        tools.log('error', reportError(thrown).message, { err: thrown });
        sayUnwritten(tools, thrown);
        const again = setTimeout(bell.ring, unwrittenMs).unref();
        await bell.rung(ended.signal);
        clearTimeout(again);
      }
    }
  })();
  return {
    wake: bell.ring,
    preempt() {
      underway.abort();
      bell.ring();
    },
    reachable: () => retry.now(),
    async end() {
      ended.abort();
      retry.end();
      await running;
    },
  };
}

/** After which a failure that could not even be written down is tried again. */
const unwrittenMs = 5000;

/** What cannot be written down can be said. */
function sayUnwritten({ journal, reporter, log }: Tools, thrown: unknown): void {
  const error = reportError(thrown);
  const revision = journal.get('desired')?.revision ?? 0;
  try {
    reporter.report({ revision, state: 'failed', reason: error.message, error });
  } catch (unsaid) {
    log('error', reportError(unsaid).message);
  }
}

interface Failing {
  readonly desired: Desired | null;
  readonly planned: PlannedStep;
  readonly thrown: unknown;
}

/** Writes the failure down, so that a restart knows of it, and says it. */
function fail(tools: Tools, { desired, planned, thrown }: Failing) {
  const error = reportError(thrown);
  const revision = desired?.revision ?? 0;
  const before = tools.journal.get('failure');
  const attempts = before?.revision === revision ? before.attempts + 1 : 0;
  const waiting = waitedOut.includes(error.code);
  const failure = { revision, error: { ...error }, attempts, waiting };
  tools.journal.change({ failure });
  const level = failure.waiting ? 'warn' : 'error';
  tools.log(level, `${planned.step}: ${error.message} (${error.code})`);
  if (!failure.waiting) tools.event('error', error.code, error.message);
  return failure;
}

function rest(reporter: Reporter, desired: Desired | null, current: Current): void {
  const { state, reason } = restingState(desired, current);
  const revision = desired?.revision ?? 0;
  const error: ErrorReport | null =
    current.failure?.revision === revision ? current.failure.error : null;
  reporter.report({ revision, state, reason, error });
}

/** Remembers one ring until it is waited for. */
function createBell() {
  let next = Promise.withResolvers<void>();
  return {
    ring: () => next.resolve(),
    async rung(signal: AbortSignal): Promise<void> {
      const end = () => next.resolve();
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      await next.promise;
      signal.removeEventListener('abort', end);
      next = Promise.withResolvers<void>();
    },
  };
}
