/** A group of agents that one scenario has for itself, and what is waited for on it. */
import * as v from 'valibot';
import { DeviceDetail } from '../../../shared/protocol/api.ts';
import { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { until } from '../until.ts';
import type { SimulatedAgent } from './agent.ts';
import type { SimulatedFleet } from './fleet.ts';

export interface Stage {
  readonly fleet: SimulatedFleet;
  /** Its agents have the label `scene` with this value. */
  readonly scene: string;
  readonly version: number;
  readonly agents: readonly SimulatedAgent[];
  /** To whom something happens. */
  readonly last: SimulatedAgent;
}

/** Of one thing that is waited for, on a machine that does much else. */
export const waitMs = 240_000;

/** Whom the owner's rollouts name. */
export function selectorOf({ scene }: Pick<Stage, 'scene'>): string {
  return `scene=${scene}`;
}

/** The rollout of the scenario's version; null where there is none. */
export async function rolloutOf(stage: Stage): Promise<RolloutRecord | null> {
  const Rollouts = v.object({ items: v.array(RolloutRecord) });
  const { items } = await stage.fleet.client.call(Rollouts, '/api/v1/rollouts?limit=200');
  const own = ({ selector, version }: RolloutRecord) =>
    selector === selectorOf(stage) && version === stage.version;
  return items.find(own) ?? null;
}

export async function reaches(
  stage: Stage,
  what: string,
  holds: (record: RolloutRecord) => boolean,
): Promise<RolloutRecord> {
  let last: RolloutRecord | null = null;
  const look = async () => {
    last = await rolloutOf(stage);
    return last !== null && holds(last) ? last : null;
  };
  return await eventually(what, look).catch((thrown) => {
    throw new Error(`${what}: ${last?.state}, ${last?.reason}`, { cause: thrown });
  });
}

export function detailOf({ client }: SimulatedFleet, device: string): Promise<DeviceDetail> {
  return client.call(DeviceDetail, `/api/v1/devices/${device}`);
}

/** The controller knows that it is there, or that it is not. */
export async function seen({ fleet, last }: Stage, online: boolean): Promise<void> {
  const what = `${last.name} ${online ? 'online' : 'offline'}`;
  await eventually(what, async () => (await detailOf(fleet, last.name)).online === online);
}

export function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
): ReturnType<typeof until<T>> {
  return until(what, look, { timeoutMs: waitMs, everyMs: 200 });
}
