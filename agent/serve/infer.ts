/** From an inference request to its answer, whichever way it came. */
import type { Tensors } from '../../shared/evaluate/tensor.ts';
import { type InferenceRequest, readRequest } from './inference/request.ts';
import { type InferenceAnswer, writeAnswer } from './inference/response.ts';
import { joinRuns, planRuns } from './inference/runs.ts';
import { wrong } from './inference/wrong.ts';
import type { Server } from './server.ts';
import type { FollowedRequest } from './trace.ts';

export interface Asked {
  readonly model: string;
  readonly version: string | null;
  readonly document: unknown;
  /** Raw tensors behind the JSON. */
  readonly tail: Uint8Array<ArrayBuffer>;
  readonly trace?: FollowedRequest | null;
  /** Aborted, with the error as its reason, when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

/** Runs of one request that wait at the same time: others come in between. */
const runsAtOnce = 32;

/**
 * Throws `BAD_ARGUMENT`, `NOT_FOUND`, `BUSY`, `DEADLINE_PASSED`, `TIMEOUT`, `SERVE_FAILED`.
 */
export async function infer(server: Server, asked: Asked): Promise<InferenceAnswer> {
  const { model, version, signal } = asked;
  return await server.infer({
    ...{ model, version, ...(signal && { signal }) },
    follow: asked.trace?.follow ?? null,
    async work({ pool, serving }, run) {
      const request: InferenceRequest = readRequest(asked.document, asked.tail);
      const runs = planRuns(pool.inputs, request.inputs);
      const results: Tensors[] = new Array(runs.count);
      let next = 0;
      const lane = async () => {
        for (let index = next++; index < runs.count; index = next++) {
          results[index] = await run(runs.feeds(index));
        }
      };
      await Promise.all(Array.from({ length: Math.min(runsAtOnce, runs.count) }, lane));
      return writeAnswer(request, {
        model: serving.model,
        version: serving.version,
        outputs: joinRuns(results),
      });
    },
  });
}

export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    throw wrong('body', 'JSON', 'something else');
  }
}
