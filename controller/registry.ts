/** Models as they are pushed: checked before they get a version, measured once they have one. */

import { type Digest, digestOfJson } from '../shared/digest.ts';
import { FettleError, reportError } from '../shared/errors.ts';
import { notFound, notNumbered } from '../shared/not-found.ts';
import type { ModelRecord, PushRequest } from '../shared/protocol/api.ts';
import { requireNotAgent } from './releases/releases.ts';
import {
  findContent,
  findModel,
  insertModel,
  listModels,
  listNames,
  newestListed,
  setRecord,
  updateModel,
} from './store/models.ts';
import { type Patience, patiently } from './store/patience.ts';
import { createMeasuring } from './work/inspect.ts';
import type { Files, Measured } from './work/messages.ts';
import { createStarts, measuringJob } from './work/starts.ts';
import { instant, type World } from './world.ts';

export interface Registry {
  /**
   * The model's record, new or as it was: equal content is one version. It is measured in the
   * background. Throws `NOT_FOUND` for files that weren't uploaded and whatever is wrong with the
   * package.
   */
  push(request: PushRequest): Promise<ModelRecord>;
  /** Throws `NOT_FOUND`. Without a version it is the newest. */
  find(name: string, version?: number): Promise<ModelRecord>;
  list(name?: string): Promise<ModelRecord[]>;
  /** Since when it is out of the lists; null takes it back. */
  archive(record: ModelRecord, archivedAt: string | null): Promise<ModelRecord>;
  /** Pushes under way: no row names their files yet. */
  held(): readonly PushRequest[];
  /** Goes on with what was being measured when the controller ended. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export function createRegistry(world: World): Registry {
  const ending = new AbortController();
  const keeper = createKeeper(world, ending.signal);
  const measuring = createMeasuring(world, ending.signal);
  const start = (files: Files, record: () => ModelRecord | null) =>
    measuring.start(files, (progress) => keeper.step(record(), progress));
  const archive = async (record: ModelRecord, archivedAt: string | null) => {
    const next = { ...record, archivedAt };
    await setRecord(world.db, next);
    keeper.publish(next);
    return next;
  };
  const push = async (request: PushRequest) => {
    const sizes = await requireFiles(world, request);
    const content = contentOf(request);
    const known = await findContent(world.db, request.manifest.name, content);
    if (known && known.state !== 'failed') {
      // Whoever pushes it again wants it back.
      return keeper.shown(known.archivedAt ? await archive(known, null) : known);
    }
    let stored: ModelRecord | null = known;
    const { inspected, measured } = await start(filesOf(world, request), () => stored);
    const { type: _, ...facts } = inspected;
    const record = { ...newRecord(world, request, sizes), ...facts };
    if (known) {
      stored = { ...record, version: known.version, createdAt: known.createdAt };
      await updateModel(world.db, stored);
    } else stored = await insertModel(world.db, record, content);
    keeper.follow(
      stored,
      keeper.begin(stored).then(() => measured),
    );
    return keeper.shown(stored);
  };
  const held = new Set<PushRequest>();
  return {
    archive,
    held: () => [...held],
    async push(request) {
      requireNotAgent(request.manifest.name);
      held.add(request);
      try {
        return await push(request);
      } finally {
        held.delete(request);
      }
    },
    async find(name, version) {
      const wanted = version ?? (await newestListed(world.db, name));
      const record = wanted === null ? null : await findModel(world.db, name, wanted);
      if (record) return keeper.shown(record);
      throw await missingModel(world.db, name, version);
    },
    async list(name) {
      return (await listModels(world.db, name)).map(keeper.shown);
    },
    async resume() {
      for (const record of await listModels(world.db)) {
        if (record.state !== 'measuring') continue;
        const files = filesOf(world, requestOf(record));
        const again = async () => (await start(files, () => record)).measured;
        keeper.follow(record, keeper.begin(record).then(again));
      }
    },
    async stop() {
      ending.abort(new FettleError('INTERNAL', { reason: 'the controller is stopping' }));
      await keeper.settled();
    },
  };
}

interface Keeper {
  /** The record with the progress of what is under way. */
  shown(record: ModelRecord): ModelRecord;
  step(record: ModelRecord | null, progress: ModelRecord['progress']): void;
  /** Counts on disk that it is being measured. Throws `JOB_ABANDONED`. */
  begin(record: ModelRecord): Promise<void>;
  /** Keeps how the measurement ends; a controller that is stopping leaves it to be resumed. */
  follow(record: ModelRecord, measured: Promise<Measured>): void;
  publish(record: ModelRecord): void;
  settled(): Promise<void>;
}

function createKeeper(world: World, ending: AbortSignal): Keeper {
  const working = new Set<Promise<void>>();
  const steps = new Map<string, ModelRecord['progress']>();
  const keyOf = ({ name, version }: ModelRecord) => `${name} ${version}`;
  const shown = (record: ModelRecord) => ({
    ...record,
    progress: steps.get(keyOf(record)) ?? record.progress,
  });
  const publish = (record: ModelRecord) =>
    world.live.publish('model', keyOf(record), () => shown(record));
  const starts = createStarts(world.db);
  const patience: Patience = {
    signal: ending,
    onFault: (thrown) => world.log.error({ err: thrown }, 'model not stored; tried again'),
  };
  const save = async (record: ModelRecord, outcome: Measured['outcome'] = null) => {
    await patiently(() => updateModel(world.db, record, outcome), patience);
    steps.delete(keyOf(record));
    publish(record);
  };
  return {
    shown,
    publish,
    step(record, progress) {
      if (!record) return;
      steps.set(keyOf(record), progress);
      publish(record);
    },
    begin: (record) => patiently(() => starts.begin(measuringJob(record)), patience),
    follow(record, measured) {
      publish(record);
      const work = measured
        .then(({ quality, outcome }) => save({ ...record, state: 'ready', quality }, outcome))
        .catch(async (thrown) => {
          if (ending.aborted) return;
          await save({ ...record, state: 'failed', error: { ...reportError(thrown) } });
        })
        .then(() => starts.end(measuringJob(record)))
        .catch((thrown) => world.log.error({ err: thrown }, 'model not stored'))
        .finally(() => working.delete(work));
      working.add(work);
    },
    async settled() {
      await Promise.all(working);
    },
  };
}

/** The name may be mistyped, or there is no such version of it. */
async function missingModel(db: World['db'], name: string, version?: number): Promise<FettleError> {
  const known = await listNames(db);
  const versions = known.flatMap((model) => (model.name === name ? [String(model.version)] : []));
  if (versions.length > 0 && version === undefined) {
    const back = `fettle model restore ${name} ${versions[0]} brings one back`;
    return new FettleError('CONFLICT', { reason: `every version of ${name} is archived; ${back}` });
  }
  if (versions.length === 0) {
    return notFound({ what: 'model', name, known: new Set(known.map((model) => model.name)) });
  }
  return notNumbered({ what: 'model', name: `${name} ${version}`, known: versions });
}

interface Sizes {
  readonly model: number;
}

async function requireFiles(world: World, request: PushRequest): Promise<Sizes> {
  const sizeOf = async (what: string, digest: Digest) => {
    const size = await world.blobs.sizeOf(digest);
    if (size === null) throw new FettleError('NOT_FOUND', { what: `${what} file ${digest}` });
    return size;
  };
  const { calibration, evaluation } = request;
  if (calibration !== null) await sizeOf('calibration', calibration);
  if (evaluation !== null) await sizeOf('evaluation', evaluation);
  return { model: await sizeOf('model', request.model) };
}

function contentOf({ manifest, model, calibration, evaluation }: PushRequest): Digest {
  return digestOfJson({ manifest, model, calibration, evaluation });
}

/** What was pushed, to be measured or built from again. */
export function requestOf({ manifest, digest, calibration, evaluation }: ModelRecord): PushRequest {
  return { manifest, model: digest, calibration, evaluation };
}

/** The package of a model as a worker finds it. */
export function filesOf(
  { blobs }: World,
  { manifest, model, calibration, evaluation }: PushRequest,
): Files {
  return {
    manifest,
    modelPath: blobs.pathOf(model),
    calibrationPath: calibration === null ? null : blobs.pathOf(calibration),
    evaluationPath: evaluation === null ? null : blobs.pathOf(evaluation),
  };
}

function newRecord(world: World, request: PushRequest, sizes: Sizes): ModelRecord {
  const { manifest, model, calibration, evaluation } = request;
  return {
    name: manifest.name,
    version: 0,
    state: 'measuring',
    progress: null,
    error: null,
    manifest,
    digest: model,
    bytes: sizes.model,
    calibration,
    evaluation,
    inputs: [],
    outputs: [],
    opset: null,
    parameters: null,
    quality: null,
    notes: [],
    createdAt: instant(world.now()),
  };
}
