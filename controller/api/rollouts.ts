/** Rollouts: started, watched, paused, resumed, aborted, rolled back. */
import * as v from 'valibot';
import { RolloutPreview, RolloutRecord, RolloutRequest } from '../../shared/protocol/rollouts.ts';
import { actionTable, type RolloutAction } from '../rollout/act.ts';
import type { Rollouts } from '../rollouts.ts';
import { type Api, Archived, addRoute, listed, PageQuery, pageFrom, pageOf } from './route.ts';

const RolloutPath = v.object({ id: v.string() });

export function addRolloutRoutes(api: Api, rollouts: Rollouts): void {
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/rollouts',
    summary: 'Rolls a model out to the devices that a selector names, now and later',
    tag: 'rollouts',
    access: 'operator',
    body: RolloutRequest,
    answers: { 201: RolloutRecord },
    async handle({ body, trace, reply, principal }) {
      const record = await rollouts.start(body, trace);
      if (record.forced && principal && principal.role !== 'device') {
        await recordForced(api, principal.name, record);
      }
      reply.code(201);
      return record;
    },
  });
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/rollouts/preview',
    summary: 'What a rollout would do: who gets what, in which wave, and whether it fits',
    tag: 'rollouts',
    access: 'operator',
    body: RolloutRequest,
    answers: { 200: RolloutPreview },
    handle: ({ body }) => rollouts.preview(body),
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/rollouts',
    summary: 'Every rollout, the newest first',
    tag: 'rollouts',
    access: 'viewer',
    query: v.object({ ...PageQuery, archived: Archived }),
    answers: { 200: pageOf(RolloutRecord) },
    handle: ({ query }) => pageFrom(listed(rollouts.list(), query), query, ({ id }) => id),
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/rollouts/:id',
    summary: 'One rollout, by its id or its model’s name: devices, gates, what it waits for',
    tag: 'rollouts',
    access: 'viewer',
    params: RolloutPath,
    answers: { 200: RolloutRecord },
    handle: ({ params }) => rollouts.find(params.id),
  });
  for (const [action, summary] of Object.entries(actionTable)) {
    if (!isAction(action)) continue;
    addRoute(api, {
      method: 'POST',
      url: `/api/v1/rollouts/:id/${action}`,
      summary,
      tag: 'rollouts',
      access: 'operator',
      params: RolloutPath,
      answers: { 200: RolloutRecord },
      handle: ({ params, trace }) => rollouts.act(params.id, action, trace),
    });
  }
}

/** The request is in the log already; this says over what it was forced. */
async function recordForced(api: Api, who: string, record: RolloutRecord): Promise<void> {
  const { id, model, version, comparisons } = record;
  const over = comparisons.map(({ against, state, reason }) => ({ against, state, reason }));
  const detail = { model, version, over };
  await api.record({ who, action: `FORCED /api/v1/rollouts/${id}`, detail });
}

function isAction(text: string): text is RolloutAction {
  return Object.hasOwn(actionTable, text);
}
