/** A plan as options of the runtime's session: the same in trials and when serving. Pure. */
import type { SessionOptions } from '../../shared/evaluate/runtime.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';

/**
 * Threads wait for each other busily while a run lasts, because to wake one takes as long as a
 * small layer, and give their cores back between runs: others need them.
 */
export function sessionOptionsOf(plan: Plan): SessionOptions {
  const { threads, provider, arena } = plan;
  return {
    ...{ threads, provider, spinning: threads > 1 ? 'within-run' : false },
    ...(arena === false && { arena }),
    extra: entriesOf(plan),
  };
}

/** onnxruntime_session_options_config_keys.h */
function entriesOf({ threads, prepack, cpus }: Plan): Record<string, string> {
  return {
    ...(prepack === false && { 'session.disable_prepacking': '1' }),
    ...(cpus && threads > 1 && { 'session.intra_op_thread_affinities': bound(threads, cpus) }),
  };
}

/**
 * One list for each thread but the one that calls, which the runtime leaves to the kernel; it
 * counts processors from 1.
 */
function bound(threads: number, cpus: readonly number[]): string {
  const list = cpus.map((cpu) => cpu + 1).join(',');
  return Array.from({ length: threads - 1 }, () => list).join(';');
}
