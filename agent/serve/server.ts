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
import type { RunMarks } from './group.ts';
import type { Pool } from './pool.ts';
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
  /** Counts the request and answers it with what is active when it comes. Throws `NOT_FOUND`. */
  infer<T>(request: InferRequest<T>): Promise<T>;
  /** What answers for this model. Throws `NOT_FOUND` where the model is not served here. */
  require(names: Names): Active;
  /** Runs that wait or are under way. */
  load(): number;
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
}

export function createServer(options: ServerOptions): Server {
  const none = { active: null, standby: null, shadow: null };
  const state: State = { ...options, ...none, health: { requests: 0, errors: 0 } };
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
  { work, follow }: InferRequest<T>,
): Promise<T> {
  const { risk, meter } = state;
  const startMs = performance.now();
  const release = chosen.pool.hold();
  const count = (ok: boolean) => {
    risk.ended(ok);
    meter.count(chosen.serving, { latencyMs: performance.now() - startMs, ok });
    if (chosen.pool !== state.active?.pool) return;
    state.health.requests += 1;
    if (!ok) state.health.errors += 1;
  };
  risk.began();
  try {
    const answer = await work(chosen, (feeds) => run(state, chosen, { feeds, marks: follow?.() }));
    count(true);
    return answer;
  } catch (thrown) {
    // A request that is wrong says nothing of the variant: it isn't counted as its error.
    if (thrown instanceof FettleError && thrown.code === 'BAD_ARGUMENT') risk.ended(false);
    else count(false);
    throw thrown;
  } finally {
    release();
  }
}

async function run(
  { shadow }: State,
  chosen: Active,
  { feeds, marks }: { feeds: Tensors; marks: RunMarks | undefined },
): Promise<Tensors> {
  // The feeds' memory goes to the thread that runs them.
  const copy = shadow?.copy(chosen, feeds) ?? null;
  chosen.drift?.fed(feeds);
  const outputs = await chosen.pool.run(feeds, marks);
  chosen.drift?.answered(outputs);
  if (copy) shadow?.compare(copy, outputs);
  return outputs;
}
