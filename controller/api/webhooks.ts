/** Addresses that are told what happens to rollouts and devices. */
import * as v from 'valibot';
import { Name } from '../../shared/protocol/fields.ts';
import {
  WebhookAnswer,
  WebhookRecord,
  WebhookRequest,
  webhookEvents,
} from '../../shared/protocol/webhooks.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { type Api, addRoute, PageQuery, pageFrom, pageOf } from './route.ts';

export function addWebhookRoutes(api: Api, webhooks: Webhooks): void {
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/webhooks',
    summary: 'The webhooks, what waits for them and why',
    tag: 'webhooks',
    access: 'admin',
    query: v.object(PageQuery),
    answers: { 200: pageOf(WebhookRecord) },
    handle: async ({ query }) => pageFrom(await webhooks.list(), query, ({ name }) => name),
  });
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/webhooks',
    summary: 'Tells an address what happens, signed with a secret that is shown this once',
    tag: 'webhooks',
    access: 'admin',
    body: WebhookRequest,
    answers: { 201: WebhookAnswer },
    async handle({ body, reply }) {
      const hook = await webhooks.add({ ...body, events: body.events ?? webhookEvents });
      reply.code(201);
      return hook;
    },
  });
  addRoute(api, {
    method: 'DELETE',
    url: '/api/v1/webhooks/:name',
    summary: 'Tells the address nothing any more; what waits for it is dropped',
    tag: 'webhooks',
    access: 'admin',
    params: v.object({ name: Name }),
    answers: { 204: null },
    async handle({ params, reply }) {
      await webhooks.remove(params.name);
      reply.code(204);
    },
  });
}
