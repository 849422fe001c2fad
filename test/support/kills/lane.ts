/**
 * A device that serves version 1 and is wanted to serve version 2, again and again from the same
 * state: what happens on the way is what may be cut.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { openJournal } from '../../../agent/journal.ts';
import { openStore } from '../../../agent/store.ts';
import { sign } from '../../../shared/signature.ts';
import { offerModel } from '../agent.ts';
import type { Owner } from '../owner.ts';
import { type Station, startStation } from '../station/station.ts';
import { until } from '../until.ts';
import { checkDigests } from './checks.ts';
import { startDevice } from './device.ts';
import type { PointsOrder } from './order.ts';

export interface Lane {
  /** Runs the update without a fault. Returns the points that were passed. */
  record(): Promise<readonly (readonly [string, number])[]>;
  /** Runs the update, lets the agent die there, starts it again. */
  cut(order: PointsOrder): Promise<CutResult>;
}

export interface CutResult {
  /** Whether it died there; a point that hangs on timing may not be passed. */
  readonly died: boolean;
  /** What is not as it must be once the agent has been started again; none is right. */
  readonly faults: readonly string[];
}

const timeoutMs = 90_000;
const recipes = [
  { v: 1, source: true, bits: 32 },
  { v: 1, bits: 8 },
] as const;

export async function openLane(t: Owner): Promise<Lane> {
  const station = await startStation(t);
  const folder = mkdtempSync(join(tmpdir(), 'fettle-lane-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const template = join(folder, 'template');
  await wantVersion(t, station, 1);
  const first = startDevice(station, template, null);
  await serves(station, 1);
  await first.stop();
  await wantVersion(t, station, 2);
  let runs = 0;
  const begin = () => {
    runs += 1;
    const data = join(folder, `run-${runs}`);
    cpSync(template, data, { recursive: true });
    station.heard.reported.length = 0;
    return data;
  };
  const end = (data: string) => {
    for (const path of [data, `${data}.log`]) rmSync(path, { recursive: true, force: true });
  };
  return {
    async record() {
      const data = begin();
      const path = join(folder, 'points.json');
      const agent = startDevice(station, data, { kind: 'record', path });
      await Promise.race([serves(station, 2), agent.ended]);
      await agent.stop();
      end(data);
      const text = readFileSync(path, 'utf8');
      return v.parse(v.array(v.tuple([v.string(), v.number()])), JSON.parse(text));
    },
    async cut(order) {
      const data = begin();
      const agent = startDevice(station, data, order);
      const over = serves(station, 2).then(
        () => 'serves',
        () => 'hangs',
      );
      const how = await Promise.race([agent.ended, over]);
      if (how !== 'SIGKILL') {
        const last = await agent.stop();
        const faults = how === 'serves' ? [] : [`the first agent: ${how}, ${last}`];
        if (last !== 'SIGKILL') return { died: false, faults };
      }
      station.heard.reported.length = 0;
      const faults = await startAgain(station, data);
      if (faults.length === 0) end(data);
      return { died: true, faults };
    },
  };
}

/** The next version of the model, with bytes of its own and the same answers. */
async function wantVersion(t: Owner, station: Station, version: 1 | 2): Promise<void> {
  station.withdraw();
  const recipe = recipes[version - 1] ?? recipes[0];
  const desired = await offerModel(t, station, { recipe, version });
  const { signature: _, ...document } = desired({ revision: version, soakSeconds: 0.2 });
  const wanted = { ...document, tuningBudgetSeconds: 1 };
  await station.publish('desired', sign(wanted, station.keys));
}

async function serves(station: Station, version: number): Promise<string> {
  const what = `version ${version} serves`;
  const report = await until(
    what,
    () =>
      station.heard.reported.findLast(({ state, revision, serving }) => {
        return state === 'serving' && revision === version && serving?.version === version;
      }),
    { timeoutMs },
  );
  return report.endpoint ?? '';
}

/** What must hold in the end, whatever was cut. */
async function startAgain(station: Station, data: string): Promise<string[]> {
  const agent = startDevice(station, data, null);
  const faults: string[] = [];
  try {
    const endpoint = await serves(station, 2);
    const [values, version] = await ask(endpoint);
    if (String(values) !== '6,8') faults.push(`it answers ${values}, 6,8 is right`);
    if (version !== '2') faults.push(`version ${version} answers`);
  } catch (thrown) {
    const last = station.heard.reported.at(-1);
    faults.push(`${thrown}: ${last?.state} ${last?.reason}`);
  }
  const how = await agent.stop();
  if (how !== '0') faults.push(`it ended with ${how}`);
  const { files, broken } = await checkDigests(join(data, 'files'));
  if (broken.length > 0) faults.push(`other bytes than their name says: ${broken}`);
  // The present variant and the one before it.
  if (files > 2) faults.push(`${files} variants are kept`);
  const parts = readdirSync(join(data, 'files')).filter((name) => name.endsWith('.part'));
  if (parts.length > 0) faults.push(`left over: ${parts}`);
  return [...faults, ...journalFaults(data)];
}

function journalFaults(data: string): string[] {
  const faults: string[] = [];
  const store = openStore(data);
  const journal = openJournal(store, (text) => faults.push(text));
  const current = journal.get('current');
  if (current?.serving.version !== 2) faults.push(`the journal serves ${current?.serving.version}`);
  if (current?.soaked !== 2) faults.push(`the journal has soaked ${current?.soaked}`);
  if (journal.get('failure') !== null) faults.push('the journal has a failure');
  store.close();
  return faults;
}

const Answer = v.object({
  model_version: v.string(),
  outputs: v.array(v.object({ data: v.array(v.number()) })),
});

/** What the model answers for 3 and 4, and which version does. */
export async function ask(endpoint: string): Promise<[number[], string]> {
  const inputs = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }];
  const url = new URL('/v2/models/model/infer', endpoint);
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ inputs }) });
  const { model_version: version, outputs } = v.parse(Answer, await response.json());
  return [outputs[0]?.data ?? [], version];
}
