/** An agent under the launcher, and as much of a service manager as starts it again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { productRoot } from '../../../shared/product.ts';
import { device } from '../station/station.ts';
import type { PointsOrder } from './order.ts';

export interface Launched {
  /** Resolves when an agent has died at its point; nothing is started again then. */
  readonly died: Promise<void>;
  hasDied(): boolean;
  /** In good order; how it ended. */
  stop(): Promise<string>;
}

export interface Cut {
  readonly phase: string;
  readonly order: PointsOrder;
}

const launcher = join(productRoot(), 'deploy', 'device', 'launch.sh');
/** What a shell says of a child that was killed. */
const killed = 128 + 9;

/** `place` holds its `versions` and its `data`. */
export function startLaunched(place: string, cut: Cut | null): Launched {
  const dead = Promise.withResolvers<void>();
  let [stopping, died] = [false, false];
  let child: ChildProcess = launch(place, cut);
  const run = async (): Promise<string> => {
    for (;;) {
      const [code, signal] = await once(child, 'exit');
      died = signal === 'SIGKILL' || code === killed;
      if (died) {
        // Power is cut for all of them.
        endGroup(child);
        dead.resolve();
      }
      if (stopping || died) return String(signal ?? code);
      child = launch(place, cut);
    }
  };
  const ended = run();
  return {
    died: dead.promise,
    hasDied: () => died,
    stop() {
      stopping = true;
      if (!died) child.kill('SIGTERM');
      return ended;
    },
  };
}

function launch(place: string, cut: Cut | null): ChildProcess {
  const log = openSync(`${place}.log`, 'a');
  const child = spawn('sh', [launcher], {
    stdio: ['ignore', log, log],
    detached: true,
    env: {
      ...process.env,
      FETTLE_VERSIONS: join(place, 'versions'),
      FETTLE_AGENT_DATA: join(place, 'data'),
      FETTLE_AGENT_NAME: device,
      FETTLE_AGENT_HTTP_PORT: '0',
      ...(cut && { CUT_PHASE: cut.phase, CUT_ORDER: JSON.stringify(cut.order) }),
    },
  });
  closeSync(log);
  return child;
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
