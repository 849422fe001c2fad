/**
 * Plays scenarios against a controller process: each has agents of its own, which serve the first
 * version, and an owner who runs `fettle rollout start --wait`.
 *
 * Method: scenarios are played beside each other, as many as there are lanes. What is waited for is
 * a condition; what is expected is the end state, its exit code, what is said, and which version
 * each device serves in the end, none of which depends on time.
 */
import { join } from 'node:path';
import { exitTable } from '../../../commands/exit-codes.ts';
import { reasonOf } from '../../../shared/errors.ts';
import { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { push } from '../push.ts';
import { writeTinyPackage } from '../tiny-package.ts';
import type { Behaviour } from './behaviour.ts';
import { classAt, type SimulatedFleet, startSimulatedFleet } from './fleet.ts';
import type { Scenario } from './scenarios.ts';
import { eventually, rolloutOf, type Stage, selectorOf } from './stage.ts';
import type { Row } from './table.ts';
import { type VersionName, versions } from './versions.ts';

export interface Play {
  readonly seed: number;
  /** Of each scenario; at least 2. */
  readonly devices: number;
  readonly scenarios: readonly Scenario[];
  /** Empty; for the controller's state and the packages. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

const model = 'tiny';
/** Scenarios under way at once. */
const lanes = 4;
const terms = ['--waves', '1,100%', '--soak-seconds', '3', '--on-breach', 'rollback', '--wait'];

export async function playScenarios(play: Play): Promise<Row[]> {
  const behaviours = new Map<number, Behaviour>();
  // Those that join beside them: one of each scenario at most.
  const agents = play.scenarios.length * (play.devices + 1);
  const fleet = await startSimulatedFleet({ ...play, agents, behaviours });
  try {
    const numbers = await pushVersions(fleet, play, behaviours);
    const stages = await Promise.all(
      play.scenarios.map(async (scenario, index) => {
        const version = numbers.get(scenario.gets) ?? 0;
        const agents = await enter(fleet, { scenario, scene: `s${index}`, devices: play.devices });
        const last = agents.at(-1);
        if (!last) throw new Error(`${scenario.name} has no devices`);
        return { scenario, stage: { fleet, scene: `s${index}`, version, agents, last } };
      }),
    );
    play.say(`${fleet.agents.length} agents have enrolled`);
    await serveFirst(fleet);
    play.say(`${fleet.agents.length} agents serve version 1`);
    const rows: Row[] = [];
    const waiting = stages.values();
    const lane = async () => {
      for (const { scenario, stage } of waiting) {
        rows.push(await playOne(scenario, stage));
        play.say(`${scenario.name}: played`);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const order = play.scenarios.map(({ name }) => name);
    return rows.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  } finally {
    await fleet.stop();
  }
}

/** Those that a scenario asks for, numbered as they come. */
async function pushVersions(
  { client }: SimulatedFleet,
  { scenarios, folder }: Play,
  behaviours: Map<number, Behaviour>,
): Promise<ReadonlyMap<VersionName, number>> {
  const wanted = new Set<VersionName>(['first', ...scenarios.map(({ gets }) => gets)]);
  const numbers = new Map<VersionName, number>();
  for (const name of wanted) {
    const { files, flaw } = versions[name];
    const path = await writeTinyPackage(join(folder, `version-${numbers.size + 1}`), files);
    const { version } = await push(client, path);
    behaviours.set(version, { flaw });
    numbers.set(name, version);
  }
  return numbers;
}

async function enter(
  fleet: SimulatedFleet,
  { scenario, scene, devices }: { scenario: Scenario; scene: string; devices: number },
) {
  const quiet = scenario.quiet === true;
  const joining = Array.from({ length: devices }, (_, index) => ({
    ...{ name: `${scene}-${index}`, hardwareClass: classAt(index), labels: { scene }, quiet },
  }));
  return await Promise.all(joining.map((one) => fleet.add(one)));
}

async function serveFirst({ client, agents }: SimulatedFleet): Promise<void> {
  const body = { model, version: 1, selector: 'scene', waves: [{ percent: 100 }], soakSeconds: 0 };
  const options = { method: 'POST', body } as const;
  const { id } = await client.call(RolloutRecord, '/api/v1/rollouts', options);
  await eventually('every agent on version 1', async () => {
    const { state } = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    return state === 'succeeded' && agents.every((agent) => agent.version() === 1);
  });
}

async function playOne(scenario: Scenario, stage: Stage): Promise<Row> {
  const startedMs = performance.now();
  const faults: string[] = [...(await tried(stage, scenario.before))];
  const command = ['rollout', 'start', model, '--model-version', String(stage.version)];
  const whom = ['--selector', selectorOf(stage)];
  const waits = stage.fleet.run(...command, ...whom, ...terms, ...scenario.words);
  faults.push(...(await tried(stage, scenario.during)));
  const { code: exitCode, stderr } = await waits;
  const record = await rolloutOf(stage);
  const state = record?.state ?? 'refused';
  const said = record?.reason ?? stderr.trim();
  const expected = exitTable[scenario.ending].code;
  if (state !== scenario.state) faults.push(`${state}, expected ${scenario.state}: ${said}`);
  else if (!scenario.says.test(said)) faults.push(`it says: ${said}`);
  if (exitCode !== expected) faults.push(`exit code ${exitCode}, expected ${expected}`);
  faults.push(...(await tried(stage, scenario.after)));
  faults.push(...(await served(scenario, stage)));
  const seconds = (performance.now() - startedMs) / 1000;
  return { name: scenario.name, devices: stage.agents.length, state, exitCode, seconds, faults };
}

/** What does not come about is a fault of this scenario, and of no other. */
async function tried(stage: Stage, act: Scenario['before']): Promise<readonly string[]> {
  return (await act?.(stage).catch((thrown) => [reasonOf(thrown)])) ?? [];
}

/** Every device that is there serves what it must in the end. */
async function served({ state, without }: Scenario, stage: Stage): Promise<string[]> {
  const expected = state === 'succeeded' ? stage.version : 1;
  const there = stage.agents.filter((agent) => !(without && agent === stage.last));
  const named = () =>
    there.filter((one) => one.version() !== expected).map((one) => `${one.name}:${one.version()}`);
  const reached = await eventually('all serve', () => named().length === 0).catch(() => false);
  return reached ? [] : [`version ${expected} expected: ${named().join(', ')}`];
}
