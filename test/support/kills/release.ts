/**
 * New versions of the example: each a little different, so that everything is built and tried anew.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { silent } from '../../../commands/output.ts';
import { pushPackage } from '../../../commands/push.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import { writeModelFile } from '../../../shared/onnx/write.ts';
import { digits } from '../bad-files.ts';
import type { Fleet } from '../fleet.ts';

const timeoutMs = 4 * 60_000;

/** Pushes the version and rolls it out to all at once. Returns the version's number. */
export async function release(fleet: Fleet, folder: string, version: number): Promise<number> {
  const copy = join(folder, `package-${version}`);
  cpSync(digits, copy, { recursive: true });
  await nudge(join(copy, 'model.onnx'), version);
  const signal = AbortSignal.timeout(timeoutMs);
  const pushed = await pushPackage(fleet.client, copy, { io: silent, signal });
  const body = {
    ...{ model: pushed.name, version: pushed.version, waves: [{ percent: 100 }] },
    ...{ soakSeconds: 1, tuningBudgetSeconds: 5 },
  };
  await fleet.client.call(v.unknown(), '/api/v1/rollouts', { method: 'POST', body });
  return pushed.version;
}

/** Changes the biases of the last layer by a hair: no answer changes, every digest does. */
async function nudge(path: string, version: number): Promise<void> {
  const model = await readModelFile(path);
  const bias = model.graph.initializers.get('head.bias');
  if (!bias) throw new Error(`${path}: no head.bias`);
  const values = new Float32Array(bias.bytes.slice().buffer).map((value) => value + version * 1e-4);
  const bytes = new Uint8Array(values.buffer);
  model.graph.initializers.set('head.bias', { ...bias, bytes });
  await writeModelFile(path, model);
}
