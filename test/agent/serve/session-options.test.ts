// What a plan says of threads, seen from the kernel.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parseCpuList } from '../../../agent/profile/cpu-list.ts';
import { sessionOptionsOf } from '../../../agent/serve/session-options.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { doublingModel } from '../../support/arithmetic.ts';
import { plan } from '../../support/trials/figures.ts';
import { until } from '../../support/until.ts';

/** The processors that each thread of this process may run on. */
function allowed(): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? [];
  });
}

test.serial(
  'threads are bound to the processors of the plan, but for the one that calls',
  async (t) => {
    const path = await doublingModel(t, { dims: [1, 2] });
    const [all = ''] = allowed();
    const cpus = parseCpuList(all).slice(-1);
    const bound = () => allowed().filter((list) => list === `${cpus}`).length;
    const before = bound();
    const session = await openSession(path, sessionOptionsOf({ ...plan(3), cpus }));
    // Each thread binds itself, a moment after it has started.
    t.is(await until('two bound threads', () => bound() >= before + 2 && bound()), before + 2);
    const { y } = await session.run({
      x: { type: 'float', dims: [1, 2], data: Float32Array.of(1, 2) },
    });
    t.deepEqual([...(y?.data ?? [])], [2, 4]);
    await session.release();
  },
);

test.serial('a session of one thread binds nothing', async (t) => {
  const path = await doublingModel(t, { dims: [1, 2] });
  const before = allowed();
  const session = await openSession(path, sessionOptionsOf({ ...plan(1), cpus: [0] }));
  t.deepEqual(new Set(allowed()), new Set(before));
  await session.release();
});
