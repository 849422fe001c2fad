/**
 * Bad versions of a model against a fleet: a real controller process with its broker, and simulated
 * agents of four hardware classes.
 *
 * Goal: each bad version is stopped in its canary wave, the fleet is back on the good one without a
 * person, and the rollout names the cause; one that is bad on one class only stops that class only.
 * Method: a seed decides the noise of the telemetry; what is wrong with a version is decided by the
 * flaw, and what is expected does not depend on time.
 */
import { join } from 'node:path';
import { exitTable } from '../../../commands/exit-codes.ts';
import { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { push } from '../push.ts';
import { writeTinyPackage } from '../tiny-package.ts';
import { until } from '../until.ts';
import { type Behaviour, causes, type Flaw, hardware } from './behaviour.ts';
import { fill, type SimulatedFleet, startSimulatedFleet } from './fleet.ts';
import type { Row } from './table.ts';

export interface FleetRun {
  readonly seed: number;
  readonly agents: number;
  readonly flaws: readonly Flaw[];
  /** Empty; for the controller's state and the packages. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

export interface Story {
  readonly version: number;
  readonly behaviour: Behaviour;
  readonly record: RolloutRecord;
  /** Devices that were ever told to run it. */
  readonly reached: number;
  /** Of the command that shows how it ended. */
  readonly exitCode: number | null;
  /** What went otherwise than it must; empty is right. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

const model = 'tiny';
const canaries = 8;
/** Of one thing that is waited for, on a machine that does much else. */
const timeoutMs = 240_000;

export async function runFleet(run: FleetRun): Promise<Story[]> {
  const behaviours = new Map<number, Behaviour>([[1, { flaw: null }]]);
  const fleet = await startSimulatedFleet({ ...run, behaviours });
  try {
    await fill(fleet, run.agents);
    const first = await release(fleet, run.folder, { version: 1 });
    await settled(fleet, first, 'succeeded');
    run.say(`${run.agents} agents serve version 1`);
    const [onlyClass = ''] = Object.keys(hardware);
    const bad: Behaviour[] = run.flaws.map((flaw) => ({ flaw }));
    const stories: Story[] = [];
    for (const behaviour of [...bad, { flaw: 'slower' as const, onlyClass }]) {
      const version = behaviours.size + 1;
      behaviours.set(version, behaviour);
      const story = await tell(fleet, run.folder, { version, behaviour });
      stories.push(story);
      run.say(describe(story));
    }
    return stories;
  } finally {
    await fleet.stop();
  }
}

async function tell(
  fleet: SimulatedFleet,
  folder: string,
  { version, behaviour }: { version: number; behaviour: Behaviour },
): Promise<Story> {
  const startedMs = performance.now();
  const oneClass = behaviour.onlyClass !== undefined;
  const started = await release(fleet, folder, {
    version,
    breachScope: oneClass ? 'class' : 'fleet',
  });
  const record = await settled(fleet, started, oneClass ? 'succeeded' : 'rolled back');
  const stays = ({ hardwareClass }: { hardwareClass: string }) =>
    !oneClass || hardwareClass === behaviour.onlyClass;
  const kept = fleet.agents.filter(stays);
  await until('the fleet back on version 1', () => kept.every((one) => one.version() === 1), {
    timeoutMs,
  });
  const reached = fleet.agents.filter(({ told }) => told.has(version)).length;
  const seconds = (performance.now() - startedMs) / 1000;
  const { code: exitCode } = await fleet.run('rollout', 'status', record.id, '--watch');
  const story = { version, behaviour, record, reached, exitCode, seconds, faults: [] };
  const faults = faultsOf(story, fleet);
  // Good devices of this one would have the next version compared with it: all go back.
  if (oneClass) await fleet.act(record.id, 'rollback');
  return { ...story, faults };
}

function faultsOf(story: Story, fleet: SimulatedFleet): string[] {
  const { version, behaviour, record, reached, exitCode } = story;
  const { flaw, onlyClass } = behaviour;
  const faults: string[] = [];
  const { code } = exitTable[onlyClass === undefined ? 'rolledBack' : 'done'];
  if (exitCode !== code) faults.push(`exit code ${exitCode}, expected ${code}`);
  if (flaw && !causes[flaw].test(record.reason)) faults.push(`names no cause: ${record.reason}`);
  if (onlyClass === undefined) {
    if (reached > canaries) faults.push(`${reached} devices were told, ${canaries} are canaries`);
    if (record.wave !== 1) faults.push(`it came to wave ${record.wave}`);
    return faults;
  }
  const bad = fleet.agents.filter(({ hardwareClass }) => hardwareClass === onlyClass);
  const others = fleet.agents.filter(({ hardwareClass }) => hardwareClass !== onlyClass);
  const hit = bad.filter(({ told }) => told.has(version)).length;
  const have = others.filter((one) => one.version() === version).length;
  if (hit > canaries) faults.push(`${hit} devices of the bad class were told`);
  if (have < others.length) faults.push(`only ${have} of ${others.length} others have it`);
  return faults;
}

interface Release {
  readonly version: number;
  readonly breachScope?: 'fleet' | 'class';
}

async function release(
  { client }: SimulatedFleet,
  folder: string,
  { version, breachScope = 'fleet' }: Release,
): Promise<RolloutRecord> {
  const path = await writeTinyPackage(join(folder, `version-${version}`), { bias: version });
  await push(client, path);
  const body = {
    ...{ model, version, waves: [{ count: canaries }, { percent: 100 }], soakSeconds: 2 },
    ...{ onBreach: 'rollback', timeoutSeconds: 180, breachScope },
  };
  return await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
}

async function settled(
  { client }: SimulatedFleet,
  { id }: RolloutRecord,
  state: RolloutRecord['state'],
): Promise<RolloutRecord> {
  let last: RolloutRecord | null = null;
  const look = async () => {
    last = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    return last.state === 'running' ? null : last;
  };
  const ended = await until(`the end of rollout ${id}`, look, { timeoutMs, everyMs: 200 }).catch(
    (thrown) => {
      throw new Error(`rollout ${id} is ${last?.state}: ${last?.reason}`, { cause: thrown });
    },
  );
  if (ended.state === state) return ended;
  throw new Error(`rollout ${id} is ${ended.state}, expected ${state}: ${ended.reason}`);
}

function describe({ behaviour, reached, record }: Story): string {
  const { flaw, onlyClass = 'every class' } = behaviour;
  return `${flaw} on ${onlyClass}: ${reached} devices reached\n  ${record.reason}`;
}

export function rowOf({ behaviour, record, exitCode, seconds, faults }: Story): Row {
  const { flaw, onlyClass = 'every class' } = behaviour;
  const name = `${flaw} on ${onlyClass}`;
  const { state, members } = record;
  return { name, devices: members.length, state, exitCode, seconds, faults };
}
