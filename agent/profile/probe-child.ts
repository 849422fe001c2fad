/** Short measurements of this processor, in a process of their own: `probes.ts` starts it. */
import { openableProviders } from '../../shared/evaluate/providers.ts';
import { openSession, runtimeVersion, type Session } from '../../shared/evaluate/runtime.ts';
import { childLine, childRequest, childResult } from '../child-side.ts';
import { floatProbe, int8Probe, probeDims, probeMacs } from './probe-models.ts';

const measureMs = 250;
const runsMin = 5;
/** 2 × 16 MiB: above the private caches, small enough for a board of 256 MiB. */
const copyBytes = 16 << 20;

await measure();

async function measure(): Promise<void> {
  await childRequest();
  const started = performance.now();
  childLine({ runtimeVersion: await runtimeVersion() });
  const elements = probeDims.reduce<number>((product, dim) => product * dim, 1);
  const float = new Float32Array(elements).map((_, i) => (i % 17) / 17);
  const bytes = new Uint8Array(elements).map((_, i) => i % 251);
  const float32Gmacs = await gmacs(floatProbe, (session) =>
    session.run({ x: { type: 'float', dims: probeDims, data: float } }),
  );
  const int8Gmacs = await gmacs(int8Probe, (session) =>
    session.run({ x: { type: 'uint8', dims: probeDims, data: bytes } }),
  );
  const memoryGiBs = copySpeed();
  const seconds = (performance.now() - started) / 1000;
  childLine({ probes: { float32Gmacs, int8Gmacs, memoryGiBs, seconds } });
  // Last, because a broken driver may end the process or hang.
  childResult({ providers: await openableProviders() });
}

/** 10⁹ multiply-accumulates a second of one thread, by the fastest run: others only disturb. */
async function gmacs(
  model: Uint8Array,
  run: (session: Session) => Promise<unknown>,
): Promise<number> {
  const session = await openSession(model, { threads: 1 });
  await run(session);
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + measureMs;
  for (let runs = 0; runs < runsMin || performance.now() < end; runs++) {
    const start = performance.now();
    await run(session);
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return probeMacs / (best * 1e6);
}

/** GiB read and written a second by copying, one thread, the fastest of five. */
function copySpeed(): number {
  const from = new Uint8Array(copyBytes).fill(1);
  const to = new Uint8Array(copyBytes);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    to.set(from);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * copyBytes) / 2 ** 30 / (best / 1000);
}
