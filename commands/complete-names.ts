/** Names that the controller knows, for an argument that is being typed. */
import * as v from 'valibot';
import { findController } from '../shared/client-config.ts';
import { createHttpClient } from '../shared/http-client.ts';
import { own } from '../shared/own.ts';

interface NameList {
  readonly path: string;
  readonly query?: string;
  readonly member: string;
}

/** The shell waits meanwhile. */
const timeoutMs = 1_000;
const namesMax = 1_000;
/** A release has a number. */
const Shown = v.union([v.string(), v.number()]);

const devices: NameList = { path: 'devices', member: 'device' };
const models: NameList = { path: 'models', member: 'name' };
const rollouts: NameList = { path: 'rollouts', member: 'id' };
/** By the argument's name, before it by that of the command with it. */
const lists: Readonly<Record<string, NameList>> = {
  DEVICE: devices,
  MODEL: models,
  ROLLOUT: rollouts,
  RELEASE: { path: 'releases', query: 'archived=true&', member: 'release' },
  'models NAME': models,
  'model archive NAME': models,
  'model remove NAME': retired(models),
  'model restore NAME': retired(models),
  'rollout remove ROLLOUT': retired(rollouts),
  'rollout restore ROLLOUT': retired(rollouts),
  'token revoke NAME': { path: 'tokens', member: 'name' },
  'webhook remove NAME': { path: 'webhooks', member: 'name' },
};

/** The first thousand; none where the controller does not answer at once. */
export async function namesFor(command: string, argument: string): Promise<string[]> {
  const name = argument.replace(/[[\].]/g, '');
  const list = own(lists, `${command} ${name}`) ?? own(lists, name);
  if (list === undefined) return [];
  try {
    const client = createHttpClient({ ...(await findController({})), timeoutMs });
    const page = v.object({ items: v.array(v.looseObject({ [list.member]: Shown })) });
    const query = `${list.query ?? ''}limit=${namesMax}`;
    const found = await client.call(page, `/api/v1/${list.path}?${query}`);
    return [...new Set(found.items.map((item) => String(item[list.member])))];
  } catch {
    // Who types has asked for nothing yet: there is nothing to refuse.
    return [];
  }
}

/** With those that are archived. */
function retired(list: NameList): NameList {
  return { ...list, query: 'archived=true&' };
}
