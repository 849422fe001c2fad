/** A plan as options of the runtime's session: the same in trials and when serving. Pure. */
import type { SessionOptions } from '../../shared/evaluate/runtime.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';

/**
 * Threads wait for each other busily while a run lasts, because to wake one takes as long as a
 * small layer, and give their cores back between runs: others need them.
 */
export function sessionOptionsOf({ threads, provider, arena, prepack }: Plan): SessionOptions {
  return {
    ...{ threads, provider, spinning: threads > 1 ? 'within-run' : false },
    ...(arena === false && { arena }),
    // onnxruntime_session_options_config_keys.h
    ...(prepack === false && { extra: { 'session.disable_prepacking': '1' } }),
  };
}
