/** What a rollout asks of one device. */
import { Recipe } from '../shared/compress/recipe.ts';
import type { ModelRecord } from '../shared/protocol/api.ts';
import type { Desired, ModelGoal } from '../shared/protocol/messages.ts';
import { Plan } from '../shared/protocol/tuning.ts';
import type { Goal } from './dispatch.ts';
import type { Device } from './fleet.ts';
import { candidatesFor } from './rollout/candidates.ts';
import { type Database, decodeStored } from './store/database.ts';
import { hintKey } from './store/measurements.ts';

/** Where the manifest says nothing. */
export const defaults = { maxDrop: 0.01, objective: 'latency' } as const;

export interface Terms {
  readonly id: string;
  readonly tuningBudgetSeconds: number;
  readonly soakSeconds: number;
  readonly gates: { readonly liveAgreement: number | null };
}

/** The goal of each device; hints of a class are looked up once. */
export async function goalsFor(
  db: Database,
  { model, rollout }: { model: ModelRecord; rollout: Terms },
  devices: readonly Device[],
): Promise<{ device: string; goal: Goal }[]> {
  const hints = new Map<string, Desired['hint']>();
  const goals: { device: string; goal: Goal }[] = [];
  for (const device of devices) {
    const goal = modelGoal(model, device);
    const key = keyOf(goal, device);
    if (key !== null && !hints.has(key)) hints.set(key, await findHint(db, key));
    const { id, tuningBudgetSeconds, soakSeconds, gates } = rollout;
    const agreement = model.manifest.limits?.agreement ?? gates.liveAgreement;
    const hint = key === null ? null : (hints.get(key) ?? null);
    goals.push({
      device: device.device,
      goal: { rollout: id, model: goal, hint, tuningBudgetSeconds, soakSeconds, agreement },
    });
  }
  return goals;
}

function modelGoal(model: ModelRecord, device: Device): ModelGoal {
  const { name, version, digest, bytes, inputs, outputs, quality, manifest } = model;
  return {
    name,
    version,
    digest,
    bytes,
    inputs,
    outputs,
    sourceQuality: quality,
    maxDrop: manifest.quality?.maxDrop ?? defaults.maxDrop,
    objective: manifest.objective ?? defaults.objective,
    limits: { ...manifest.limits },
    candidates: candidatesFor(model, device.profile),
  };
}

function keyOf({ name, version, objective }: ModelGoal, { profile }: Device): string | null {
  if (!profile) return null;
  const { hardwareClass, runtimeVersion } = profile;
  return hintKey({ model: name, version, objective, hardwareClass, runtimeVersion });
}

async function findHint(db: Database, key: string): Promise<Desired['hint']> {
  const row = await db.selectFrom('hints').selectAll().where('key', '=', key).executeTakeFirst();
  if (!row) return null;
  return {
    hardwareClass: row.hardware_class,
    recipe: decodeStored(Recipe, row.recipe),
    plan: decodeStored(Plan, row.plan),
    latencyMsP50: row.latency_ms_p50,
  };
}
