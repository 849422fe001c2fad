/** Tokens for people with a role, and the log of what they changed. */
import * as v from 'valibot';
import { Name } from '../../shared/protocol/fields.ts';
import {
  AuditEntry,
  AuditVerdict,
  PersonAnswer,
  PersonRecord,
  PersonRequest,
} from '../../shared/protocol/people.ts';
import { listAudit, verifyAudit } from '../audit.ts';
import type { Person } from '../people.ts';
import { instant, type World } from '../world.ts';
import { type Api, addRoute, PageQuery, pageFrom, pageOf, queryCount } from './route.ts';

export function addPeopleRoutes(api: Api, world: World): void {
  addTokenRoutes(api, world);
  addAuditRoutes(api, world);
}

function addTokenRoutes(api: Api, { people, now }: World): void {
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/tokens',
    summary: 'The tokens of people, without the tokens themselves',
    tag: 'people',
    access: 'admin',
    query: v.object(PageQuery),
    answers: { 200: pageOf(PersonRecord) },
    handle: ({ query }) => pageFrom(people.list().map(recordOf), query, ({ name }) => name),
  });
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/tokens',
    summary: 'A token for a person: viewer, operator or admin; shown this once',
    tag: 'people',
    access: 'admin',
    body: PersonRequest,
    answers: { 201: PersonAnswer },
    async handle({ body: { name, role, expiresInSeconds }, reply }) {
      const createdMs = now();
      const expiresMs = expiresInSeconds === undefined ? null : createdMs + expiresInSeconds * 1000;
      const person = { name, role, createdMs, expiresMs };
      const token = await people.add(person);
      reply.code(201);
      return { ...recordOf(person), token };
    },
  });
  addRoute(api, {
    method: 'DELETE',
    url: '/api/v1/tokens/:name',
    summary: 'Makes a token void',
    tag: 'people',
    access: 'admin',
    params: v.object({ name: Name }),
    answers: { 204: null },
    async handle({ params, reply }) {
      await people.remove(params.name);
      reply.code(204);
    },
  });
}

function addAuditRoutes(api: Api, { db }: World): void {
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/audit',
    summary: 'Who changed what, the newest first',
    tag: 'people',
    access: 'admin',
    query: v.object({ limit: queryCount(1, 1000), before: queryCount(1, 1e15) }),
    answers: { 200: v.object({ items: v.array(AuditEntry), next: v.nullable(v.number()) }) },
    async handle({ query: { limit = 100, before } }) {
      const items = await listAudit(db, { limit, before: before ?? null });
      const last = items.at(-1);
      return { items, next: last && last.seq > 1 ? last.seq : null };
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/audit/verify',
    summary: 'Whether the log is whole: each entry holds the hash of the one before it',
    tag: 'people',
    access: 'admin',
    answers: { 200: AuditVerdict },
    handle: () => verifyAudit(db),
  });
}

function recordOf({ name, role, createdMs, expiresMs }: Person): PersonRecord {
  return {
    name,
    role,
    createdAt: instant(createdMs),
    expiresAt: expiresMs === null ? null : instant(expiresMs),
  };
}
