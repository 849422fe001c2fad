/** Runs the probes in a child process and takes what it could say before its time was up. */
import * as v from 'valibot';
import { runChild, siblingModule } from '../measured-child.ts';

const Lines = v.looseObject({
  runtimeVersion: v.optional(v.string()),
  probes: v.optional(
    v.looseObject({
      float32Gmacs: v.number(),
      int8Gmacs: v.number(),
      memoryGiBs: v.number(),
      seconds: v.number(),
    }),
  ),
  providers: v.optional(v.array(v.string())),
});
export type ProbeLines = v.InferOutput<typeof Lines>;

export interface ProbeResult extends ProbeLines {
  /** Why not all was said; null where it was. */
  readonly failure: string | null;
}

/**
 * The measurements take about a second on a desktop; a small board may need this long to load the
 * runtime.
 */
const timeoutMs = 20_000;

export async function runProbes(options: {
  memoryLimitMiB: number | null;
  signal: AbortSignal;
}): Promise<ProbeResult> {
  let said: ProbeLines = {};
  const { failure } = await runChild({
    module: siblingModule(import.meta.url, 'probe-child.ts'),
    request: {},
    timeoutMs,
    memoryLimitMiB: options.memoryLimitMiB,
    niceness: 0,
    signal: options.signal,
    onLine(line) {
      const parsed = v.safeParse(Lines, line);
      if (parsed.success) said = { ...said, ...parsed.output };
    },
  });
  return { ...said, failure: failure === null ? null : failure.reason };
}
