/**
 * A device whose agent is version 1, serves a model and is wanted to become another version, again
 * and again from the same state: a good one, which has to be current in the end, or one that
 * crashes, which has to be put aside. The launcher is the real one; what is cut is each agent: the
 * one that stages and switches, the one on trial, and the one that hears what became of it.
 */
import { cpSync, existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Owner } from '../owner.ts';
import { until } from '../until.ts';
import { ask, type Lane } from './lane.ts';
import { startLaunched } from './launched.ts';
import type { PointsOrder } from './order.ts';
import { type Phase, type Prepared, phases, prepare, want } from './update-scene.ts';

const timeoutMs = 90_000;
/** Only what the update does. */
const where = { parts: '^(agent|shared)/', through: '^agent/update/' };

export async function openUpdateLane(t: Owner): Promise<Lane> {
  const prepared = await prepare(t);
  let runs = 0;
  const begin = async (phase: Phase, order: PointsOrder) => {
    runs += 1;
    const place = join(prepared.folder, `run-${runs}`);
    cpSync(join(prepared.folder, 'template'), place, { recursive: true, verbatimSymlinks: true });
    await want(prepared, phases[phase]);
    return { place, launched: startLaunched(place, { phase, order: { ...order, ...where } }) };
  };
  return {
    async record() {
      const all: (readonly [string, number])[] = [];
      for (const phase of ['before', 'trial', 'after'] as const) {
        const path = join(prepared.folder, `${phase}.json`);
        const { place, launched } = await begin(phase, { kind: 'record', path });
        await arrived(prepared, place, phase);
        await launched.stop();
        rmSync(place, { recursive: true, force: true });
        const text = readFileSync(path, 'utf8');
        const seen = v.parse(v.array(v.tuple([v.string(), v.number()])), JSON.parse(text));
        all.push(...seen.map(([point, times]) => [`${phase}: ${point}`, times] as const));
      }
      return all;
    },
    async cut(order) {
      const [phase, point] = phaseOf(order);
      const { place, launched } = await begin(phase, { ...order, ...point });
      const over = arrived(prepared, place, phase).then(
        () => [],
        (thrown) => [`the first time: ${thrown}`],
      );
      const faults = await Promise.race([launched.died.then(() => []), over]);
      await launched.stop();
      if (!launched.hasDied()) return { died: false, faults };
      const found = await startAgain(prepared, place, phase);
      if (found.length === 0) rmSync(place, { recursive: true, force: true });
      return { died: true, faults: found };
    },
  };
}

const isPhase = (text: string): text is Phase => Object.hasOwn(phases, text);

function phaseOf(order: PointsOrder): [Phase, { point: string } | object] {
  if (order.kind === 'record') return ['before', {}];
  const at = order.point.indexOf(': ');
  const phase = order.point.slice(0, at);
  if (!isPhase(phase)) throw new Error(`${order.point} names no phase`);
  return [phase, { point: order.point.slice(at + 2) }];
}

/** The right version is current, nothing is on trial, and it says so and answers. */
async function arrived(prepared: Prepared, place: string, phase: Phase): Promise<void> {
  const { station, old, bundles } = prepared;
  const versions = join(place, 'versions');
  const wanted = phases[phase] === 'good' ? bundles.good.name : old;
  const says = phases[phase] === 'good' ? 'current' : 'failed';
  const look = async () => {
    if (readlinkSync(join(versions, 'current')) !== wanted) return false;
    if (existsSync(join(versions, 'trial'))) return false;
    const report = station.heard.reported.at(-1);
    if (report?.state !== 'serving' || report.agent?.state !== says) return false;
    const [values, version] = await ask(report.endpoint ?? '').catch(() => [[], '']);
    return String(values) === '6,8' && version === '1';
  };
  const what = `${wanted} to be current and to answer`;
  await until(what, look, { timeoutMs, everyMs: 100 }).catch((thrown) => {
    const { state, reason, agent } = station.heard.reported.at(-1) ?? {};
    throw new Error(`${thrown}: ${state}, ${reason}; agent ${agent?.state}, ${agent?.reason}`);
  });
}

/** What must hold in the end, whatever was cut. */
async function startAgain(prepared: Prepared, place: string, phase: Phase): Promise<string[]> {
  prepared.station.heard.reported.length = 0;
  const launched = startLaunched(place, null);
  const faults: string[] = [];
  await arrived(prepared, place, phase).catch((thrown) => faults.push(String(thrown)));
  const how = await launched.stop();
  if (how !== '0') faults.push(`it ended with ${how}`);
  const { old, bundles } = prepared;
  const kind = phases[phase];
  const kept = new Set(['current', 'refused.told', old, bundles[kind].name]);
  const left = readdirSync(join(place, 'versions')).filter((name) => !kept.has(name));
  if (left.length > 0) faults.push(`left over: ${left}`);
  const refused = existsSync(join(place, 'versions', 'refused.told'));
  if (refused !== (kind === 'broken')) faults.push(`refused: ${refused}`);
  return faults;
}
