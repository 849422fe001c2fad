/** Brings the package to the controller and rolls it out, as far as no earlier start did. */
import type { HttpClient } from '../../shared/http-client.ts';
import { RolloutRecord, type RolloutRequest } from '../../shared/protocol/rollouts.ts';
import { silent } from '../output.ts';
import { fetchAll } from '../pages.ts';
import { pushPackage } from '../push.ts';
import { startWhenCompared } from '../rollout/when-compared.ts';

interface RollingOut {
  readonly client: HttpClient;
  readonly packageFolder: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Throws what is wrong with the package, or why the controller could not measure it. */
export async function rollOut({ client, packageFolder, say, signal }: RollingOut): Promise<void> {
  // Its progress is shown with the fleet.
  const model = await pushPackage(client, packageFolder, { io: silent, signal });
  const { name, version } = model;
  for (const note of model.notes) say(`${name}: ${note}`);
  const rollouts = await fetchAll(client, RolloutRecord, { path: '/api/v1/rollouts', signal });
  const same = rollouts.find((one) => one.model === name && one.version === version);
  if (same) {
    say(`${name} version ${version} is rolled out already: ${same.reason}`);
    return;
  }
  const body: RolloutRequest = { model: name, version, ...pace };
  const asked = { method: 'POST', body, signal } as const;
  const start = () => client.call(RolloutRecord, '/api/v1/rollouts', asked);
  const started = await startWhenCompared(start, { io: silent, signal });
  say(`${name} version ${version}: ${started.reason}`);
}

/** All at once, with little patience: it is a demonstration. */
const pace = {
  waves: [{ percent: 100 }],
  soakSeconds: 2,
  tuningBudgetSeconds: 30,
};
