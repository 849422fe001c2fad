/**
 * Rollouts as they run: what the planner decides is stored, then done; a restart looks again and
 * goes on.
 */

import { FettleError } from '../shared/errors.ts';
import { notFound } from '../shared/not-found.ts';
import type { ModelRecord } from '../shared/protocol/api.ts';
import type { VersionComparison } from '../shared/protocol/comparisons.ts';
import type { ModelGoal } from '../shared/protocol/messages.ts';
import type { ReleaseRecord } from '../shared/protocol/releases.ts';
import type { RolloutPreview, RolloutRecord, RolloutRequest } from '../shared/protocol/rollouts.ts';
import { type TraceContext, traceparentOf } from '../shared/trace-context.ts';
import type { Comparisons } from './comparisons.ts';
import type { Dispatcher } from './dispatch.ts';
import type { Device } from './fleet.ts';
import { loadRecent } from './recent.ts';
import type { Registry } from './registry.ts';
import type { Releases } from './releases/releases.ts';
import { act, type RolloutAction } from './rollout/act.ts';
import { isOfAgent } from './rollout/agent-lane.ts';
import { requireNoFall } from './rollout/compare.ts';
import type { Hearing } from './rollout/hearing.ts';
import { shown } from './rollout/keep.ts';
import { createLooker } from './rollout/looker.ts';
import { requireSomebody } from './rollout/nobody.ts';
import { notesOfPast } from './rollout/past.ts';
import { previewOf } from './rollout/preview.ts';
import { agentSubject, modelSubject, type PreviewSubject } from './rollout/preview-subject.ts';
import { governingOf, lookAtAll, type Runner, viewsOf } from './rollout/run.ts';
import { parseSelector } from './rollout/selector.ts';
import { newRollout } from './rollout/terms.ts';
import { governed } from './rollout/view.ts';
import {
  type LoadedRollout,
  loadRollouts,
  putRollout,
  type StoredRollout,
} from './store/rollouts.ts';
import type { World } from './world.ts';

export interface Rollouts {
  /**
   * What it gives to devices belongs to the trace. Throws `NOT_FOUND`, `CONFLICT` where the model
   * isn't ready, `BAD_ARGUMENT`; unless it is forced, `VERSION_WORSE` and `COMPARISON_PENDING`.
   */
  start(request: RolloutRequest, trace?: TraceContext | null): Promise<RolloutRecord>;
  /** What is named as for `find`. Throws `NOT_FOUND`, and `CONFLICT` in a state that bars it. */
  act(name: string, action: RolloutAction, trace?: TraceContext | null): Promise<RolloutRecord>;
  /** Who would get what, in which wave, and whether it fits. Throws as `start` does. */
  preview(request: RolloutRequest): Promise<RolloutPreview>;
  /** By its id, or the newest of a model by that one's name. Throws `NOT_FOUND`. */
  find(name: string): RolloutRecord;
  /** What the device was to run before its rollout; null where that is unknown. */
  previousOf(device: Device): ModelGoal | null;
  /** The newest first. */
  list(): RolloutRecord[];
  /** Runs what changes the list, or must find it unchanged: no other change goes on meanwhile. */
  exclusive<T>(work: (all: LoadedRollout[]) => Promise<T>): Promise<T>;
  /** Something that rollouts look at may have changed. */
  poke(): void;
  stop(): Promise<void>;
}

export interface RolloutDoors {
  readonly dispatcher: Dispatcher;
  readonly registry: Registry;
  readonly releases: Releases;
  readonly comparisons: Comparisons;
  readonly hearing: Hearing;
  /** A model is about to reach devices, which will ask for its variants. */
  readonly onStarted: (model: ModelRecord) => void;
}

export async function openRollouts(
  world: World,
  { dispatcher, registry, releases, comparisons, hearing, onStarted }: RolloutDoors,
): Promise<Rollouts> {
  const all = await loadRollouts(world.db);
  await loadRecent(world);
  const runner: Runner = { world, dispatcher, registry, releases, hearing, all };
  const looker = createLooker(() => lookAtAll(runner), {
    now: world.now,
    onFault: (thrown) => world.log.error({ err: thrown }, 'rollouts'),
  });
  looker.poke();
  const find = (name: string) => {
    const newest = all.findLast(({ record }) => record.model === name && !record.archivedAt);
    const rollout = newest ?? all.find(({ record }) => record.id === name);
    if (rollout) return rollout;
    const known = all.toReversed().flatMap(({ record }) => [record.id, record.model]);
    throw notFound({ what: 'rollout', name, known });
  };
  return {
    preview: (request) => preview(runner, request, comparisons),
    async start(request, trace = null) {
      const model = await subjectOf(runner, request);
      const began = { order: 0, nowMs: world.now() };
      const plain = newRollout(request, model, began);
      const compared = await compare(runner, { subject: model, record: plain, comparisons });
      if (!request.allowEmpty) requireSomebody(plain.selector, [...world.fleet.devices.values()]);
      if (!request.force) requireNoFall(model, compared);
      return looker.exclusive(async () => {
        // It may have been archived or removed while it was compared.
        await subjectOf(runner, { ...request, version: model.version });
        const order = (all.at(-1)?.record.order ?? 0) + 1;
        const notes = pastOf(runner, model);
        const beginning = { ...began, order, comparisons: compared, notes };
        const made = newRollout(request, model, beginning);
        const record = { ...made, traceparent: trace && traceparentOf(trace) };
        if (model.type === 'model') onStarted(model.record);
        await putRollout(world.db, record);
        const rollout = { record, members: new Map(), verdicts: [], outlook: [] };
        all.push(rollout);
        await lookAtAll(runner);
        looker.poke();
        return shown(rollout);
      });
    },
    act(name, action, trace = null) {
      return looker.exclusive(async () => {
        const rollout = find(name);
        if (trace) rollout.record = { ...rollout.record, traceparent: traceparentOf(trace) };
        await act(runner, rollout, action);
        await lookAtAll(runner);
        looker.poke();
        return shown(rollout);
      });
    },
    find: (name) => shown(find(name)),
    previousOf({ device, rollout }) {
      const own = all.find(({ record }) => record.id === rollout);
      return own?.members.get(device)?.previous?.model ?? null;
    },
    async exclusive(work) {
      const done = await looker.exclusive(() => work(all));
      looker.poke();
      return done;
    },
    list: () => all.toReversed().map(shown),
    poke: looker.poke,
    stop: looker.stop,
  };
}

function pastOf({ all }: Runner, subject: Subject): string[] {
  return notesOfPast(
    all.map(({ record }) => record),
    subject,
  );
}

type Subject = { readonly name: string; readonly version: number } & (
  | { readonly type: 'model'; readonly record: ModelRecord }
  | { readonly type: 'agent'; readonly record: ReleaseRecord }
);

/** What is rolled out: a model that is ready, or a release of the agent. */
async function subjectOf(
  { registry, releases }: Runner,
  request: RolloutRequest,
): Promise<Subject> {
  if (isOfAgent(request)) {
    const record = releases.find(request.version);
    requireListed(`release ${record.release}`, record);
    return { type: 'agent', name: request.model, version: record.release, record };
  }
  const record = await readyModel(registry, request);
  return { type: 'model', name: record.name, version: record.version, record };
}

async function readyModel(registry: Registry, request: RolloutRequest): Promise<ModelRecord> {
  const model = await registry.find(request.model, request.version);
  requireListed(`model ${model.name} ${model.version}`, model);
  if (model.state === 'ready') return model;
  const reason = `model ${model.name} ${model.version} is ${model.state}, not ready`;
  throw new FettleError('CONFLICT', { reason });
}

function requireListed(what: string, { archivedAt }: { archivedAt?: string | null | undefined }) {
  if (!archivedAt) return;
  const reason = `${what} is archived; fettle ${what.split(' ')[0]} restore brings it back`;
  throw new FettleError('CONFLICT', { reason });
}

/** Longer than this nobody waits for an answer; what is measured meanwhile is not lost. */
const compareWaitMs = 20_000;

interface Compare {
  readonly subject: Subject;
  readonly record: StoredRollout;
  readonly comparisons: Comparisons;
}

/** The version against what the devices that the rollout would take serve of the model now. */
async function compare(
  runner: Runner,
  { subject, record, comparisons }: Compare,
): Promise<VersionComparison[]> {
  if (subject.type === 'agent') return [];
  const devices = takenBy(runner, record);
  const least = record.gates.liveAgreement ?? null;
  return await comparisons.replaced(subject.record, { devices, least, waitMs: compareWaitMs });
}

/** The devices that a rollout would take if it were the newest. */
function takenBy({ world, releases }: Runner, record: StoredRollout): readonly Device[] {
  const governing = governingOf(record, releases);
  return governed(world.fleet.devices.values(), [governing]).get(record.id) ?? [];
}

/** As if it were the newest rollout, in its first moment. */
async function preview(
  runner: Runner,
  request: RolloutRequest,
  comparisons: Comparisons,
): Promise<RolloutPreview> {
  const { world } = runner;
  const subject = await subjectOf(runner, request);
  const nowMs = world.now();
  const record = newRollout(request, subject, { order: 0, nowMs });
  const { devices } = world.fleet;
  const wanted = takenBy(runner, record);
  const compared = await compare(runner, { subject, record, comparisons });
  const views = await viewsOf(
    world,
    { record, members: new Map(), verdicts: [], outlook: [] },
    wanted,
  );
  const hearingMs = runner.hearing.sinceMs();
  const rollout = { ...record, hearingMs, taken: null, settled: false, members: [] };
  const shown = previewSubject(runner, subject, record.selector);
  const past = pastOf(runner, subject);
  const previewing = { subject: shown, rollout, devices, views, comparisons: compared, nowMs };
  return previewOf({ ...previewing, past });
}

function previewSubject({ world }: Runner, subject: Subject, selector: string): PreviewSubject {
  if (subject.type === 'model') return modelSubject(subject.record);
  const { name, record } = subject;
  const asked = { name, release: record, selects: parseSelector(selector) };
  return agentSubject(asked, world.fleet.devices);
}
