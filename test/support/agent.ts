/** A real agent in this process, and a station that it enrols with. */
import { join } from 'node:path';
import * as v from 'valibot';
import type { Log } from '../../agent/log.ts';
import { type Agent, startAgent } from '../../agent/main.ts';
import { type AgentInput, agentSettings } from '../../agent/settings.ts';
import { type Recipe, sourceRecipe } from '../../shared/compress/recipe.ts';
import { writeGolden } from '../../shared/evaluate/golden.ts';
import { writeNpz } from '../../shared/evaluate/npz.ts';
import type { Desired, ModelGoal } from '../../shared/protocol/messages.ts';
import { doublingModel } from './arithmetic.ts';
import { type DesiredOptions, signedDesired } from './desired.ts';
import { profileOf } from './documents.ts';
import { temporaryFolder } from './fettle.ts';
import type { Owner } from './owner.ts';
import { enrolmentToken } from './station/http.ts';
import { device, type Station } from './station/station.ts';

const Answer = v.object({ outputs: v.array(v.object({ data: v.array(v.number()) })) });

/**
 * It is stopped after the test. The log goes nowhere unless `log` takes it. This machine is only
 * profiled where that is asked for: it takes seconds.
 */
export async function startOn(
  t: Owner,
  station: Pick<Station, 'url'>,
  {
    log = () => {},
    profiles = false,
    ...input
  }: AgentInput & { log?: Log; profiles?: boolean } = {},
): Promise<Agent> {
  const settings = agentSettings({
    ...{ device, controller: station.url, token: enrolmentToken, httpPort: 0 },
    dataFolder: temporaryFolder(t),
    ...input,
  });
  const { signal } = new AbortController();
  const profile = profiles ? {} : { profile: profileOf(device) };
  const agent = await startAgent({ settings, log, signal, ...profile });
  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping ??= agent.stop();
    return stopping;
  };
  t.teardown(stop);
  return { ...agent, stop };
}

export interface Offered {
  readonly recipe?: Recipe;
  readonly width?: number;
  readonly version?: number;
  readonly limits?: ModelGoal['limits'];
  /** What it computes, if not twice its input. */
  readonly make?: typeof doublingModel;
  /** It comes with a golden set of these inputs. */
  readonly golden?: readonly (readonly number[])[];
}

/** A doubling model as the variant of a recipe, and the document that wants it. */
export async function offerModel(
  t: Owner,
  station: Station,
  options: Offered = {},
): Promise<(wanted: Omit<DesiredOptions, 'model' | 'device'>) => Desired> {
  const { recipe = sourceRecipe, width = 2, version = 1, make = doublingModel } = options;
  const path = await make(t, { dims: [1, width], name: `${version}` });
  const golden = options.golden && (await goldenSetOf(t, path, options.golden));
  const digest = station.offer(recipe, path, golden);
  const limits = options.limits ?? {};
  const model = { digest, version, candidates: [recipe], limits };
  return (wanted) => signedDesired(station.keys, { device, ...wanted, model });
}

/** What the model answers to these inputs, as a golden set. Returns its path. */
async function goldenSetOf(t: Owner, variantPath: string, rows: NonNullable<Offered['golden']>) {
  const folder = temporaryFolder(t);
  const [dataPath, outPath] = [join(folder, 'data.npz'), join(folder, 'golden.npz')];
  const shape = [rows.length, rows[0]?.length ?? 0];
  await writeNpz(dataPath, { x: { type: 'float', shape, data: Float32Array.from(rows.flat()) } });
  await writeGolden({ variantPath, dataPath, outPath });
  return outPath;
}

/** What the agent answers for these values. Throws where it refuses. */
export async function double(agent: Agent, values: number[]): Promise<number[]> {
  const response = await fetch(new URL('/v2/models/model/infer', agent.endpoint), {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'x', shape: [1, values.length], datatype: 'FP32', data: values }],
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return v.parse(Answer, JSON.parse(text)).outputs[0]?.data ?? [];
}
