/**
 * `fettle push DIR|MODEL.onnx`: brings a package to the controller and waits until its quality is
 * known.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { type Digest, digestOfFile } from '../shared/digest.ts';
import { FettleError } from '../shared/errors.ts';
import { loadPackage, type Package } from '../shared/evaluate/package.ts';
import type { HttpClient } from '../shared/http-client.ts';
import { ModelRecord, type PushRequest } from '../shared/protocol/api.ts';
import { VersionComparison } from '../shared/protocol/comparisons.ts';
import { formatBytes, formatNumber } from '../shared/terminal/units.ts';
import { argument, clientOptions, connect } from './client.ts';
import type { Command, CommandContext } from './command.ts';
import { comparisonLines } from './rollout/comparison-lines.ts';
import { whenCompared } from './rollout/when-compared.ts';
import { wholeModel } from './whole-model.ts';

/** A push may wait for another model that is being measured. */
const pushTimeoutMs = 30 * 60_000;
const lookEveryMs = 500;

export const command: Command = {
  args: ['PACKAGE'],
  options: clientOptions,
  async run(context) {
    const { io } = context;
    const client = await connect(context);
    const pushed = await pushPackage(client, argument(context, 'PACKAGE'), context);
    const { name, version, quality } = pushed;
    io.line(`${name} ${version}  ${formatBytes(pushed.bytes)}  ${pushed.digest}`);
    const measured = quality
      ? `${quality.metric} ${formatNumber(quality.value)} on ${quality.samples} samples`
      : 'not measured';
    io.line(`quality  ${measured}`);
    const comparisons = await comparisonsOf(client, pushed, context);
    for (const line of comparisonLines(comparisons)) io.line(line);
    for (const note of pushed.notes) io.line(note);
    io.result({ ...pushed, comparisons });
  },
};

const Comparisons = v.object({ items: v.array(VersionComparison) });
const compareSeconds = 20;

/** The version against those that devices serve now, or the one before it. */
async function comparisonsOf(
  client: HttpClient,
  { name, version }: ModelRecord,
  context: CommandContext,
): Promise<VersionComparison[]> {
  const path = `/api/v1/models/${name}/${version}/comparisons?waitSeconds=${compareSeconds}`;
  const look = async () => {
    const { items } = await client.call(Comparisons, path, { signal: context.signal });
    return { model: name, version, comparisons: items };
  };
  return (await whenCompared(look, context)).comparisons;
}

/**
 * Uploads what the controller lacks and waits for the measurement. Throws what is wrong with the
 * package.
 */
export async function pushPackage(
  client: HttpClient,
  path: string,
  context: Pick<CommandContext, 'io' | 'signal'>,
): Promise<ModelRecord> {
  const found = await loadPackage(path);
  const model = await wholeModel(found.modelPath);
  try {
    const files = { ...found, modelPath: model.path };
    const body: PushRequest = {
      manifest: found.manifest,
      ...(await uploadFiles(client, files, context)),
    };
    const { signal } = context;
    const options = { method: 'POST', body, signal, timeoutMs: pushTimeoutMs } as const;
    const record = await client.call(ModelRecord, '/api/v1/models', options);
    return await measured(client, record, context);
  } finally {
    if (model.temporary) await rm(model.path, { force: true });
  }
}

async function uploadFiles(
  client: HttpClient,
  { modelPath, calibrationPath, evaluationPath }: Package,
  { io, signal }: Pick<CommandContext, 'io' | 'signal'>,
): Promise<{ model: Digest; calibration: Digest | null; evaluation: Digest | null }> {
  const send = async (what: string, path: string) => {
    const digest = await digestOfFile(path);
    await client.upload({ path, digest, what, signal, onProgress: io.progress });
    return digest;
  };
  return {
    model: await send('model', modelPath),
    calibration: calibrationPath === null ? null : await send('calibration', calibrationPath),
    evaluation: evaluationPath === null ? null : await send('evaluation', evaluationPath),
  };
}

async function measured(
  client: HttpClient,
  pushed: ModelRecord,
  { io, signal }: Pick<CommandContext, 'io' | 'signal'>,
): Promise<ModelRecord> {
  const path = `/api/v1/models/${pushed.name}/${pushed.version}`;
  let record = pushed;
  while (record.state === 'measuring') {
    if (record.progress) io.progress(record.progress);
    await pause(lookEveryMs, undefined, { signal });
    record = await client.call(ModelRecord, path, { signal });
  }
  if (record.state === 'ready') return record;
  const reason = record.error?.message ?? 'no reason was given';
  throw new FettleError('MODEL_UNMEASURED', { model: `${record.name} ${record.version}`, reason });
}
