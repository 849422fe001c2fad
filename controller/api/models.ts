/** Models and their variants. */
import * as v from 'valibot';
import { Recipe } from '../../shared/compress/recipe.ts';
import { FettleError } from '../../shared/errors.ts';
import { ModelRecord, PushRequest, VariantRecord } from '../../shared/protocol/api.ts';
import { DigestText, Name } from '../../shared/protocol/fields.ts';
import type { Registry } from '../registry.ts';
import type { Variants } from '../variants.ts';
import {
  type Api,
  Archived,
  addRoute,
  listed,
  PageQuery,
  pageFrom,
  pageOf,
  queryNumber,
} from './route.ts';

const Version = v.pipe(
  v.string(),
  v.regex(/^\d{1,9}$/, 'expected a version number'),
  v.transform(Number),
);
export const ModelPath = v.object({ name: Name, version: Version });

/** The longest time a request may wait for a variant. */
const waitSecondsMax = 60;

export function addModelRoutes(api: Api, registry: Registry, variants: Variants): void {
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/models',
    summary: 'Pushes a package whose files were uploaded; equal content is one version',
    tag: 'models',
    access: 'operator',
    body: PushRequest,
    answers: { 200: ModelRecord },
    handle: ({ body }) => registry.push(body),
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/models',
    summary: 'Every version of every model',
    tag: 'models',
    access: 'viewer',
    query: v.object({ ...PageQuery, archived: Archived }),
    answers: { 200: pageOf(ModelRecord) },
    async handle({ query }) {
      return pageFrom(
        listed(await registry.list(), query),
        query,
        ({ name, version }) => `${name} ${version}`,
      );
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/models/:name',
    summary: 'The newest version of a model',
    tag: 'models',
    access: 'known',
    params: v.object({ name: Name }),
    answers: { 200: ModelRecord },
    handle: ({ params }) => registry.find(params.name),
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/models/:name/:version',
    summary: 'One version of a model',
    tag: 'models',
    access: 'known',
    params: ModelPath,
    answers: { 200: ModelRecord },
    handle: ({ params }) => registry.find(params.name, params.version),
  });
  addVariantRoutes(api, registry, variants);
}

function addVariantRoutes(api: Api, registry: Registry, variants: Variants): void {
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/models/:name/:version/variants',
    summary: 'Asks for a variant: 200 when it is there or has failed, 202 while it is built',
    tag: 'variants',
    access: 'device',
    params: ModelPath,
    body: v.object({ recipe: Recipe }),
    answers: { 200: VariantRecord, 202: VariantRecord },
    async handle({ params, body, reply }) {
      const model = await registry.find(params.name, params.version);
      if (model.state === 'failed') {
        const reason = `model ${model.name} ${model.version} could not be measured`;
        throw new FettleError('CONFLICT', { reason });
      }
      const record = await variants.request(model, body.recipe);
      if (record.state === 'queued' || record.state === 'building') reply.code(202);
      return record;
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/models/:name/:version/variants',
    summary: 'The variants of a model',
    tag: 'variants',
    access: 'viewer',
    params: ModelPath,
    query: v.object(PageQuery),
    answers: { 200: pageOf(VariantRecord) },
    async handle({ params, query }) {
      const { name, version } = params;
      return pageFrom(await variants.list(name, version), query, (record) => record.id);
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/variants/:id',
    summary: 'A variant; waits for it to become ready or failed',
    tag: 'variants',
    access: 'known',
    params: v.object({ id: DigestText }),
    query: v.object({ waitSeconds: queryNumber(0, waitSecondsMax) }),
    answers: { 200: VariantRecord },
    async handle({ params, query, reply }) {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const wait = { ms: (query.waitSeconds ?? 0) * 1000, signal: gone.signal };
      return await variants.find(params.id, wait);
    },
  });
}
