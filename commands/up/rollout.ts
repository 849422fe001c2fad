/** Brings the package to the controller and rolls it out, as far as that was not done at an earlier start. */
import { setTimeout as pause } from 'node:timers/promises';
import { FettleError } from '../../shared/errors.ts';
import type { HttpClient } from '../../shared/http-client.ts';
import { ModelRecord, RolloutRecord } from '../../shared/protocol/api.ts';
import { fetchAll } from '../pages.ts';
import { pushPackage } from '../push.ts';

interface RollingOut {
  readonly client: HttpClient;
  readonly packageFolder: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

const lookEveryMs = 300;

/** Throws what is wrong with the package, or why the controller could not measure it. */
export async function rollOut({ client, packageFolder, say, signal }: RollingOut): Promise<void> {
  const pushed = await pushPackage(client, packageFolder, { signal });
  say(`${pushed.name} version ${pushed.version} is on the controller`);
  const model = await measured(client, pushed, signal);
  for (const note of model.notes) say(`${model.name}: ${note}`);
  const rollouts = await fetchAll(client, RolloutRecord, { path: '/api/v1/rollouts', signal });
  const same = rollouts.find((one) => one.model === model.name && one.version === model.version);
  if (same) {
    say(`rollout ${same.id} of it: ${same.state}, ${same.reason}`);
    return;
  }
  const { name, version } = model;
  const body = { model: name, version, ...pace };
  const started = await client.call(RolloutRecord, 'POST', '/api/v1/rollouts', { body, signal });
  say(`rollout ${started.id} started: ${started.reason}`);
}

/**
 * One device after the other: they share this machine, and a trial beside another device's trial would
 * measure both.
 */
const pace = {
  waves: [{ percent: 100 }],
  soakSeconds: 2,
  tuningBudgetSeconds: 30,
};

/** The record once the source's quality is known. */
async function measured(
  client: HttpClient,
  pushed: ModelRecord,
  signal: AbortSignal,
): Promise<ModelRecord> {
  const path = `/api/v1/models/${pushed.name}/${pushed.version}`;
  let model = pushed;
  while (model.state === 'measuring') {
    await pause(lookEveryMs, undefined, { signal });
    model = await client.call(ModelRecord, 'GET', path, { signal });
  }
  if (model.state === 'ready') return model;
  const reason = model.error?.message ?? 'it could not be measured';
  throw new FettleError('PACKAGE_INVALID', { path: `${model.name} ${model.version}`, reason });
}
