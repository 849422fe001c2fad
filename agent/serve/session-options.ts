/** A plan as options of the runtime's session: the same in trials and when serving. Pure. */
import type { SessionOptions } from '../../shared/evaluate/runtime.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';

/** Threads that wait give their core back: others need it. */
export function sessionOptionsOf({ threads, provider, arena, prepack }: Plan): SessionOptions {
  return {
    ...{ threads, provider, spinning: false },
    ...(arena === false && { arena }),
    // onnxruntime_session_options_config_keys.h
    ...(prepack === false && { extra: { 'session.disable_prepacking': '1' } }),
  };
}
