/**
 * What answers inference requests: one variant at a time, switched without losing a request. The
 * new pool is loaded and proven beside the old one; then new requests go to it while the old one
 * finishes what it has.
 */
import type { Digest } from '../../shared/digest.ts';
import { FettleError } from '../../shared/errors.ts';
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import type { Meter } from '../telemetry/meter.ts';
import type { Pool } from './pool.ts';
import type { Risk } from './risk.ts';

/** A variant that is loaded, and what it is. */
export interface Active {
  /** Identifies variant and plan. */
  readonly key: Digest;
  readonly serving: Serving;
  readonly pool: Pool;
}

export interface Server {
  /** The key of what answers; null when nothing does. */
  loaded(): Digest | null;
  active(): Active | null;
  /** From now on this answers. Resolves when the one before has finished and is freed. */
  switchTo(next: Active): Promise<void>;
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

export interface Names {
  readonly model: string;
  readonly version: string | null;
}

export interface InferRequest<T> extends Names {
  /** Makes the feeds, calls `run` as often as needed, and makes the answer. */
  readonly work: (active: Active, run: (feeds: Tensors) => Promise<Tensors>) => Promise<T>;
}

export interface ServerOptions {
  readonly meter: Meter;
  readonly risk: Risk;
}

export function createServer({ meter, risk }: ServerOptions): Server {
  let active: Active | null = null;

  async function replace(next: Active | null): Promise<void> {
    const before = active;
    active = next;
    await before?.pool.drain();
  }

  return {
    risk,
    loaded: () => active?.key ?? null,
    active: () => active,
    switchTo: replace,
    rename(serving) {
      if (active) active = { ...active, serving };
    },
    retire: () => replace(null),
    require: requireActive,
    load: () => active?.pool.load() ?? 0,
    infer: async ({ work, ...names }) => measured(requireActive(names), work),
  };

  function requireActive({ model, version }: Names): Active {
    if (active === null || active.serving.model !== model) {
      throw new FettleError('NOT_FOUND', { what: `model ${model}` });
    }
    if (version !== null && version !== String(active.serving.version)) {
      throw new FettleError('NOT_FOUND', { what: `version ${version} of model ${model}` });
    }
    return active;
  }

  async function measured<T>(chosen: Active, work: InferRequest<T>['work']): Promise<T> {
    const startMs = performance.now();
    const release = chosen.pool.hold();
    const count = (ok: boolean) => {
      risk.ended(ok);
      meter.count(chosen.serving, { latencyMs: performance.now() - startMs, ok });
    };
    risk.began();
    try {
      const answer = await work(chosen, (feeds) => chosen.pool.run(feeds));
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
}
