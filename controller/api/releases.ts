/** Releases of the agent. They are rolled out like a model of the name `fettle-agent`. */
import * as v from 'valibot';
import { ReleaseRecord, ReleaseRequest } from '../../shared/protocol/releases.ts';
import type { Releases } from '../releases/releases.ts';
import { type Api, Archived, addRoute, listed, PageQuery, pageFrom, pageOf } from './route.ts';

export function addReleaseRoutes(api: Api, releases: Releases): void {
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/releases',
    summary:
      'A release of the agent from bundles that were uploaded; the same ones are one release',
    tag: 'releases',
    access: 'operator',
    body: ReleaseRequest,
    answers: { 200: ReleaseRecord },
    handle: ({ body }) => releases.add(body.bundles),
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/releases',
    summary: 'Every release of the agent, the newest first',
    tag: 'releases',
    access: 'viewer',
    query: v.object({ ...PageQuery, archived: Archived }),
    answers: { 200: pageOf(ReleaseRecord) },
    handle: ({ query }) =>
      pageFrom(listed(releases.list(), query), query, ({ release }) => `${release}`),
  });
}
