/**
 * A plan as it serves: the same pool, kept busy by as many clients as it has room for and a few
 * that wait. What is measured is what serves.
 */
import { goldenLimits } from '../../shared/evaluate/golden.ts';
import { noiseRatio, toDecibel } from '../../shared/evaluate/metrics.ts';
import { findRandomFeeds } from '../../shared/evaluate/random-feeds.ts';
import type { Session } from '../../shared/evaluate/runtime.ts';
import { numbersOf, type Tensors } from '../../shared/evaluate/tensor.ts';
import { own } from '../../shared/own.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';
import { openPool, type Pool } from '../serve/pool.ts';
import { feedsFor } from './feeds.ts';
import { type Runner, runFor } from './runner.ts';
import type { Contestant } from './trial-protocol.ts';

export async function openPoolRunner({ path, goldenPath, plan }: Contestant): Promise<Runner> {
  const start = performance.now();
  const pool = await openPool({ path, plan });
  const loadMs = performance.now() - start;
  const golden = goldenPath === null ? null : await pool.golden(goldenPath);
  const session = sessionOf(pool);
  if (plan.batch > 1) await requireRowsApart(session);
  const feeds = await feedsFor(session, goldenPath);
  return {
    loadMs,
    golden,
    block: (durationMs) => runFor(durationMs, clientsOf(plan), () => session.run(feeds)),
    close: () => pool.drain(),
  };
}

/** A pipeline takes one run more than it has stages; one waits before each session. */
function clientsOf({ instances, stages, batch }: Plan): number {
  return instances * (stages > 1 ? stages + 1 : 1) * batch + instances;
}

/** Feeds go to another thread: each run has its own. */
function sessionOf(pool: Pool): Session {
  const { inputs, outputs } = pool;
  return { inputs, outputs, run: (feeds) => pool.run(copyOf(feeds)), release: () => pool.drain() };
}

function copyOf(tensors: Readonly<Tensors>): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, one]) => [name, { ...one, data: one.data.slice() }]),
  );
}

const rowsChecked = 3;

/** A model may have an open leading axis and mix its rows all the same, as a recurrent one may. */
async function requireRowsApart(session: Session): Promise<void> {
  const feeds: Tensors[] = [];
  for (let seed = 1; seed <= rowsChecked; seed++) feeds.push(await findRandomFeeds(session, seed));
  const alone: Tensors[] = [];
  for (const one of feeds) alone.push(await session.run(one));
  const together = await Promise.all(feeds.map((one) => session.run(one)));
  for (const [at, outputs] of alone.entries()) {
    for (const [name, tensor] of Object.entries(outputs)) {
      const other = own(together[at] ?? {}, name);
      if (Array.isArray(tensor.data)) continue;
      const noise = noiseRatio(other ? numbersOf(other) : [], numbersOf(tensor));
      if (!(toDecibel(noise) >= goldenLimits.quantized)) {
        throw new Error(`in a batch, output ${name} is another one than alone`);
      }
    }
  }
}
