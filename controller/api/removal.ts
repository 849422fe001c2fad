/** Archives and removes what is no longer wanted: models, versions, rollouts, releases. */
import * as v from 'valibot';
import { Name } from '../../shared/protocol/fields.ts';
import { Archived, RemovalPlan, Removed } from '../../shared/protocol/removal.ts';
import { createRemoval, type Removal, type RemovalDoors } from '../removal/removal.ts';
import type { Named } from '../removal/targets.ts';
import type { World } from '../world.ts';
import { ModelPath } from './models.ts';
import { type Api, addRoute } from './route.ts';

interface Resource {
  readonly url: string;
  readonly tag: string;
  readonly what: string;
  /** The path as what it names. */
  readonly params: v.GenericSchema<unknown, Named>;
}

const ReleaseNumber = v.pipe(
  v.string(),
  v.regex(/^\d{1,9}$/, 'expected a number'),
  v.transform(Number),
);

const resources: readonly Resource[] = [
  {
    url: '/api/v1/models/:name',
    tag: 'models',
    what: 'every version of a model',
    params: v.pipe(
      v.object({ name: Name }),
      v.transform(({ name }): Named => ({ kind: 'model', name })),
    ),
  },
  {
    url: '/api/v1/models/:name/:version',
    tag: 'models',
    what: 'a version of a model',
    params: v.pipe(
      ModelPath,
      v.transform((path): Named => ({ kind: 'model', ...path })),
    ),
  },
  {
    url: '/api/v1/rollouts/:id',
    tag: 'rollouts',
    what: 'a rollout',
    params: v.pipe(
      v.object({ id: v.string() }),
      v.transform(({ id }): Named => ({ kind: 'rollout', id })),
    ),
  },
  {
    url: '/api/v1/releases/:release',
    tag: 'releases',
    what: 'a release of the agent',
    params: v.pipe(
      v.object({ release: ReleaseNumber }),
      v.transform(({ release }): Named => ({ kind: 'release', release })),
    ),
  },
];

export function addRemovalRoutes(api: Api, world: World, doors: RemovalDoors): void {
  const removal = createRemoval(world, doors);
  for (const resource of resources) {
    addRemoving(api, removal, resource);
    addArchiving(api, removal, resource);
  }
}

function addRemoving(api: Api, removal: Removal, { url, tag, what, params }: Resource): void {
  addRoute(api, {
    method: 'GET',
    url: `${url}/removal`,
    summary: `What would go with ${what}, and who needs it`,
    tag,
    access: 'viewer',
    params,
    answers: { 200: RemovalPlan },
    handle: (call) => removal.plan(call.params),
  });
  addRoute(api, {
    method: 'DELETE',
    url,
    summary: `Removes ${what} with its files; nothing may need it, and the error names what does`,
    tag,
    access: 'admin',
    params,
    answers: { 200: Removed },
    async handle(call) {
      const { principal, request } = call;
      const removed = await removal.remove(call.params);
      // The request is in the log already; this says what went.
      if (principal && principal.role !== 'device') {
        const action = `REMOVED ${request.url}`;
        await api.record({ who: principal.name, action, detail: removed });
      }
      return removed;
    },
  });
}

function addArchiving(api: Api, removal: Removal, { url, tag, what, params }: Resource): void {
  const summaries = {
    archive: `Takes ${what} out of the lists; nothing may need it, and the error names what does`,
    restore: `Takes ${what} back into the lists`,
  };
  for (const [action, summary] of Object.entries(summaries)) {
    addRoute(api, {
      method: 'POST',
      url: `${url}/${action}`,
      summary,
      tag,
      access: 'operator',
      params,
      answers: { 200: Archived },
      handle: (call) => removal.archive(call.params, action === 'archive'),
    });
  }
}
