/**
 * What answers inference requests: one variant at a time, switched without losing a request. The
 * new pool is loaded and proven beside the old one; then new requests go to it while the old one
 * finishes what it has.
 */
import type { Digest } from '../../shared/digest.ts';
import { FettleError } from '../../shared/errors.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import type { Drift } from '../telemetry/drift.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { RunMarks } from './job.ts';
import { busy, outcomeOf } from './outcome.ts';
import type { Asking, Pool } from './pool.ts';
import type { Risk } from './risk.ts';

/** A variant that is loaded, and what it is. */
export interface Active {
  /** Identifies variant and plan. */
  readonly key: Digest;
  readonly serving: Serving;
  readonly pool: Pool;
  /** Where there is a golden set to compare with. */
  readonly drift?: Drift | null;
}

export interface Server {
  /** The key of what answers; null when nothing does. */
  loaded(): Digest | null;
  active(): Active | null;
  /**
   * From now on this answers. Resolves when the one before has finished and is freed, or at once
   * where it is to stand by: loaded, for `revert`.
   */
  switchTo(next: Active, before?: 'free' | 'standby'): Promise<void>;
  /** What stands by is freed: what answers has proven itself, or the memory is needed. */
  dismiss(): Promise<void>;
  /**
   * What answers is of no use: what stands by answers again, from this moment, if it is the one
   * with this key; else nothing does. Resolves when what answered is freed.
   */
  revert(key: Digest | null): Promise<void>;
  /** How what answers has done since it was switched to. */
  health(): Health;
  /** While there is one, live runs are shown to it as well. */
  shadow: Shadow | null;
  /** The same variant, chosen for something else. */
  rename(serving: Serving): void;
  /** Nothing answers any more. */
  retire(): Promise<void>;
  /**
   * Counts the request and answers it with what is active when it comes. Throws `NOT_FOUND`, and
   * `BUSY` once it is to end.
   */
  infer<T>(request: InferRequest<T>): Promise<T>;
  /** What answers for this model. Throws `NOT_FOUND` where the model is not served here. */
  require(names: Names): Active;
  /** Counts a request that could not be read, for this reason. */
  unread(thrown: unknown): void;
  /** Runs that wait or are under way. */
  load(): number;
  /** Whether it answers new requests: something is loaded, and it is not about to end. */
  ready(): boolean;
  /**
   * The end is near: what comes is refused, what is under way is answered. Resolves when that is
   * done, or refused as well because it took longer than this.
   */
  finish(withinMs: number): Promise<void>;
  readonly risk: Risk;
}

export interface Health {
  readonly requests: number;
  readonly errors: number;
}

/** Sees runs of what answers; it never holds one up. */
export interface Shadow {
  /** The feeds to keep of a run that begins; null where this one is not wanted. */
  copy(active: Active, feeds: Tensors): Tensors | null;
  compare(feeds: Tensors, outputs: Tensors): void;
}

export interface Names {
  readonly model: string;
  readonly version: string | null;
}

export interface InferRequest<T> extends Names {
  /** Makes the feeds, calls `run` as often as needed, and makes the answer. */
  readonly work: (active: Active, run: (feeds: Tensors) => Promise<Tensors>) => Promise<T>;
  /** Told of each run, where the request is part of a trace. */
  readonly follow?: (() => RunMarks) | null;
  /** Aborted, with the error as its reason, when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export interface ServerOptions {
  readonly meter: Meter;
  readonly risk: Risk;
}

interface State extends ServerOptions {
  active: Active | null;
  standby: Active | null;
  health: { requests: number; errors: number };
  shadow: Shadow | null;
  ending: boolean;
  /** Requests that are not answered yet. */
  readonly open: Set<AbortController>;
  /** Called when the last of them is answered. */
  onIdle: () => void;
}

export function createServer(options: ServerOptions): Server {
  const none = { active: null, standby: null, shadow: null };
  const state: State = {
    ...{ ...options, ...none, health: { requests: 0, errors: 0 } },
    ...{ ending: false, open: new Set(), onIdle: () => {} },
  };
  return {
    risk: options.risk,
    loaded: () => state.active?.key ?? null,
    active: () => state.active,
    health: () => ({ ...state.health }),
    switchTo: (next, before = 'free') =>
      replace(state, next, before === 'standby' ? state.active : null),
    dismiss: () => replace(state, state.active),
    revert: (key) => replace(state, state.standby?.key === key ? state.standby : null),
    rename(serving) {
      if (state.active) state.active = { ...state.active, serving };
    },
    retire: () => replace(state, null),
    require: (names) => requireActive(state, names),
    load: () => state.active?.pool.load() ?? 0,
    infer: async (request) => measured(state, requireActive(state, request), request),
    unread(thrown) {
      if (state.active) count(state, state.active, { thrown });
    },
    ready: () => state.active !== null && !state.ending,
    finish: (withinMs) => finish(state, withinMs),
    get shadow() {
      return state.shadow;
    },
    set shadow(shadow) {
      state.shadow = shadow;
    },
  };
}

/** What is neither kept nor answers from now on is drained. */
async function replace(
  state: State,
  next: Active | null,
  stays: Active | null = null,
): Promise<void> {
  const over = new Set([state.active, state.standby]);
  if (next?.pool !== state.active?.pool) state.health = { requests: 0, errors: 0 };
  state.active = next;
  state.standby = stays;
  for (const kept of [next, stays]) over.delete(kept);
  await Promise.all([...over].map((one) => one?.pool.drain()));
}

function requireActive({ active }: State, { model, version }: Names): Active {
  if (active === null || active.serving.model !== model) {
    throw new FettleError('NOT_FOUND', { what: `model ${model}` });
  }
  if (version !== null && version !== String(active.serving.version)) {
    throw new FettleError('NOT_FOUND', { what: `version ${version} of model ${model}` });
  }
  return active;
}

async function measured<T>(
  state: State,
  chosen: Active,
  { work, follow, signal }: InferRequest<T>,
): Promise<T> {
  const startMs = performance.now();
  const release = chosen.pool.hold();
  const over = new AbortController();
  const forward = { once: true, signal: over.signal };
  signal?.addEventListener('abort', () => over.abort(signal.reason), forward);
  const asking = { deadlineMs: startMs + chosen.pool.answerMs, signal: over.signal };
  state.risk.began();
  state.open.add(over);
  let thrown: unknown = null;
  try {
    if (state.ending) throw endingError();
    signal?.throwIfAborted();
    return await work(chosen, (feeds) =>
      run(state, chosen, { feeds, asking: { ...asking, marks: follow?.() ?? null } }),
    );
  } catch (caught) {
    thrown = caught;
    throw caught;
  } finally {
    // What is left of a request that failed is not run any more.
    over.abort(thrown);
    state.open.delete(over);
    state.risk.ended(thrown === null);
    count(state, chosen, { thrown, latencyMs: performance.now() - startMs });
    release();
    if (state.open.size === 0) state.onIdle();
  }
}

/** What the variant did is its own; what it was kept from doing is counted apart. */
function count(
  { meter, active, health }: State,
  { serving, pool }: Active,
  { thrown, latencyMs = 0 }: { readonly thrown: unknown; readonly latencyMs?: number },
): void {
  const outcome = thrown === null ? 'answered' : outcomeOf(thrown);
  if (outcome !== 'answered' && outcome !== 'failed') {
    meter.unserved(serving, outcome);
    return;
  }
  const ok = outcome === 'answered';
  meter.count(serving, { latencyMs, ok });
  if (pool !== active?.pool) return;
  health.requests += 1;
  if (!ok) health.errors += 1;
}

async function finish(state: State, withinMs: number): Promise<void> {
  state.ending = true;
  if (state.open.size === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  state.onIdle = resolve;
  const timer = setTimeout(() => {
    for (const request of state.open) request.abort(endingError());
  }, withinMs);
  await promise;
  clearTimeout(timer);
}

function endingError(): FettleError {
  return busy('the agent ends');
}

async function run(
  { shadow }: State,
  chosen: Active,
  { feeds, asking }: { readonly feeds: Tensors; readonly asking: Asking },
): Promise<Tensors> {
  // The feeds' memory goes to the thread that runs them.
  const copy = shadow?.copy(chosen, feeds) ?? null;
  chosen.drift?.fed(feeds);
  const outputs = await chosen.pool.run(feeds, asking);
  chosen.drift?.answered(outputs);
  if (copy) shadow?.compare(copy, outputs);
  return outputs;
}
