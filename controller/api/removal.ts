/** Archives and removes what is no longer wanted: models, versions, rollouts, releases. */
import * as v from 'valibot';
import { Name } from '../../shared/protocol/fields.ts';
import { Archived, RemovalPlan, Removed } from '../../shared/protocol/removal.ts';
import { createRemoval, type Removal, type RemovalDoors } from '../removal/removal.ts';
import type { Named } from '../removal/targets.ts';
import type { World } from '../world.ts';
import { ModelPath } from './models.ts';
import { type Api, addRoute } from './route.ts';

const ReleasePath = v.object({
  release: v.pipe(v.string(), v.regex(/^\d{1,9}$/, 'expected a number'), v.transform(Number)),
});

interface Resource<P extends v.GenericSchema> {
  readonly url: string;
  readonly tag: string;
  readonly what: string;
  readonly params: P;
  readonly named: (params: v.InferOutput<P>) => Named;
}

export function addRemovalRoutes(api: Api, world: World, doors: RemovalDoors): void {
  const removal = createRemoval(world, doors);
  addResource(api, removal, {
    ...{ url: '/api/v1/models/:name', tag: 'models', what: 'every version of a model' },
    params: v.object({ name: Name }),
    named: ({ name }) => ({ kind: 'model', name }),
  });
  addResource(api, removal, {
    ...{ url: '/api/v1/models/:name/:version', tag: 'models', what: 'a version of a model' },
    params: ModelPath,
    named: ({ name, version }) => ({ kind: 'model', name, version }),
  });
  addResource(api, removal, {
    ...{ url: '/api/v1/rollouts/:id', tag: 'rollouts', what: 'a rollout' },
    params: v.object({ id: v.string() }),
    named: ({ id }) => ({ kind: 'rollout', id }),
  });
  addResource(api, removal, {
    ...{ url: '/api/v1/releases/:release', tag: 'releases', what: 'a release of the agent' },
    params: ReleasePath,
    named: ({ release }) => ({ kind: 'release', release }),
  });
}

function addResource<P extends v.GenericSchema>(
  api: Api,
  removal: Removal,
  { url, tag, what, params, named }: Resource<P>,
): void {
  addRoute<P>(api, {
    ...{ method: 'GET', url: `${url}/removal`, tag, access: 'viewer', params },
    summary: `What would go with ${what}, and who needs it`,
    answers: { 200: RemovalPlan },
    handle: ({ params: path }) => removal.plan(named(path)),
  });
  addRoute<P>(api, {
    ...{ method: 'DELETE', url, tag, access: 'admin', params },
    summary: `Removes ${what} with its files; nothing may need it, and the error names what does`,
    answers: { 200: Removed },
    async handle({ params: path, principal, request }) {
      const removed = await removal.remove(named(path));
      // The request is in the log already; this says what went.
      if (principal && principal.role !== 'device') {
        const action = `REMOVED ${request.url}`;
        await api.record({ who: principal.name, action, detail: removed });
      }
      return removed;
    },
  });
  const archiving = { archive: `Takes ${what} out of the lists`, restore: `Takes ${what} back` };
  for (const [action, summary] of Object.entries(archiving)) {
    addRoute<P>(api, {
      ...{ method: 'POST', url: `${url}/${action}`, tag, access: 'operator', params, summary },
      answers: { 200: Archived },
      handle: ({ params: path }) => removal.archive(named(path), action === 'archive'),
    });
  }
}
