/**
 * One way to write a route: its schemas check what comes, type the handler and make the OpenAPI
 * document.
 */
import { toJsonSchema } from '@valibot/to-json-schema';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import * as v from 'valibot';
import { digestPattern } from '../../shared/digest.ts';
import { FettleError, reportError } from '../../shared/errors.ts';
import { faultOf } from '../../shared/issues.ts';
import { uncleanPath, unsoundOf } from '../../shared/json.ts';
import { didYouMean } from '../../shared/nearest.ts';
import { type SpanSink, startSpan } from '../../shared/otlp/tracer.ts';
import { Problem } from '../../shared/protocol/api.ts';
import { parseTraceparent, type TraceContext, traceparentOf } from '../../shared/trace-context.ts';
import type { Happening } from '../audit.ts';
import type { Access, Authenticator, Principal } from './auth.ts';

/** A longer path is cut in the log. */
const pathCharsMax = 300;

type Schema = v.GenericSchema;
type Output<S> = S extends Schema ? v.InferOutput<S> : null;

export interface Route<P, Q, B> {
  readonly method: HTTPMethods;
  /** Path with `:name` parameters. */
  readonly url: string;
  readonly summary: string;
  readonly tag: string;
  readonly access: Access;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Status → schema of the answer; null is an answer without a body. */
  readonly answers: Readonly<Record<number, Schema | null>>;
  /** What the audit log keeps instead of the body, where that holds a secret. */
  readonly told?: (call: Call<P, Q, B>) => unknown;
  readonly handle: (call: Call<P, Q, B>) => Promise<unknown> | unknown;
}

export interface Call<P, Q, B> {
  readonly params: Output<P>;
  readonly query: Output<Q>;
  readonly body: Output<B>;
  /** null where the route is for anyone. */
  readonly principal: Principal | null;
  /** The span of this request; null where whoever asks follows no trace. */
  readonly trace: TraceContext | null;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** What the routes of one resource are given to register themselves. */
export interface Api {
  readonly app: FastifyInstance;
  readonly authenticate: Authenticator;
  /** Keeps who changed what. */
  readonly record: (happening: Omit<Happening, 'atMs'>) => Promise<void>;
  readonly spans: SpanSink;
}

export function addRoute<
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(api: Api, route: Route<P, Q, B>): void {
  api.app.route({
    method: route.method,
    url: route.url,
    schema: describe(route),
    handler: async (request, reply) => {
      const principal = api.authenticate(request, route.access);
      const call = {
        params: check('path', route.params, request.params),
        query: check('query', route.query, known(route.query, request.query)),
        body: check('body', route.body, request.body),
        principal,
        request,
        reply,
      };
      return await traced(api, route, call);
    },
  });
}

/** The context of its span goes back to whoever asked (Trace Context, level 2: `traceresponse`). */
async function traced<P, Q, B>(
  api: Api,
  route: Route<P, Q, B>,
  call: Omit<Call<P, Q, B>, 'trace'>,
): Promise<unknown> {
  const { request, reply } = call;
  const parent = parseTraceparent(request.headers.traceparent);
  if (!parent) return await recorded(api, route, { ...call, trace: null });
  const name = `${request.method} ${route.url}`;
  const attributes = { 'http.request.method': request.method, 'http.route': route.url };
  const span = startSpan(api.spans, { name, kind: 'server', parent, attributes });
  reply.header('traceresponse', traceparentOf(span.context));
  try {
    const answer = await recorded(api, route, { ...call, trace: span.context });
    span.end(null, { 'http.response.status_code': reply.statusCode });
    return answer;
  } catch (thrown) {
    span.end(reportError(thrown).message, { 'error.type': reportError(thrown).code });
    throw thrown;
  }
}

/**
 * A change is in the log before it is made, so that none is without an entry; a second entry says
 * if it failed. Devices are not recorded, but for their joining: the change is the person's who
 * asked for it.
 */
async function recorded<P, Q, B>(
  api: Api,
  route: Route<P, Q, B>,
  call: Call<P, Q, B>,
): Promise<unknown> {
  const { principal, request } = call;
  const changes = route.method !== 'GET' && principal?.role !== 'device';
  if (!changes) return await route.handle(call);
  const who = principal?.name ?? 'enrolment';
  const action = `${request.method} ${request.url.slice(0, pathCharsMax)}`;
  await api.record({ who, action, detail: route.told ? route.told(call) : call.body });
  try {
    return await route.handle(call);
  } catch (thrown) {
    const { code, message } = reportError(thrown);
    await api.record({ who, action, detail: { failed: code, message } });
    throw thrown;
  }
}

/** A number in a query, which arrives as text. */
export function queryNumber(min: number, max: number) {
  return v.optional(
    v.pipe(v.string(), v.transform(Number), v.number(), v.minValue(min), v.maxValue(max)),
  );
}

export function pageOf<S extends Schema>(item: S) {
  return v.object({ items: v.array(item), next: v.nullable(v.string()) });
}

/** The same for what is counted: a database takes no half row. */
export function queryCount(min: number, max: number) {
  const whole = v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
  return v.optional(v.pipe(v.string(), v.transform(Number), whole));
}

/** The `limit` and `cursor` of a list; a cursor is the key of the last item that was sent. */
export const PageQuery = { limit: queryCount(1, 10_000), cursor: v.optional(v.string()) };

/** Whether a list holds what is archived too. */
export const Archived = v.optional(v.picklist(['true', 'false']));

export function listed<T extends { readonly archivedAt?: string | null | undefined }>(
  items: readonly T[],
  { archived }: { readonly archived?: 'true' | 'false' | undefined },
): readonly T[] {
  return archived === 'true' ? items : items.filter(({ archivedAt }) => !archivedAt);
}

/**
 * One page of a list. Throws `BAD_ARGUMENT` for a cursor that names nothing in it: an empty page
 * would read as the end.
 */
export function pageFrom<T>(
  items: readonly T[],
  { limit = 1000, cursor }: { limit?: number | undefined; cursor?: string | undefined },
  key: (item: T) => string,
): { items: T[]; next: string | null } {
  const start = cursor === undefined ? 0 : items.findIndex((item) => key(item) === cursor) + 1;
  if (cursor !== undefined && start === 0) {
    const expected = 'what `next` said, of an item that is still there';
    throw new FettleError('BAD_ARGUMENT', { what: 'query cursor', expected, got: cursor });
  }
  const page = items.slice(start, start + limit);
  const last = page.at(-1);
  const more = last !== undefined && start + limit < items.length;
  return { items: page, next: more ? key(last) : null };
}

/** A parameter that nobody reads would be a wish that nobody hears. */
function known(schema: Schema | undefined, query: unknown): unknown {
  if (!schema || !('entries' in schema) || typeof query !== 'object') return query;
  const names = Object.keys(Object(schema.entries));
  const other = Object.keys(query ?? {}).find((name) => !names.includes(name));
  if (other === undefined) return query;
  const expected = `only ${names.join(', ')}`;
  const got = `${other}${didYouMean(other, names)}`;
  throw new FettleError('BAD_ARGUMENT', { what: 'query', expected, got });
}

/** The one place where what came over HTTP gets its type. */
function check<S>(where: string, schema: S | undefined, value: unknown): Output<S> {
  if (!isSchema(schema)) return null as Output<S>;
  requireSound(where, value);
  const result = v.safeParse(schema, value);
  if (result.success) return result.output as Output<S>;
  const { path, expected, got } = faultOf(schema, result.issues);
  throw new FettleError('BAD_ARGUMENT', { what: `${where} ${path}`.trim(), expected, got });
}

/** What no document of ours may hold, in a member that the schema does not know either. */
function requireSound(where: string, value: unknown): void {
  const unsound = unsoundOf(value);
  if (unsound !== null) {
    const expected = 'finite numbers and a few levels';
    throw new FettleError('BAD_ARGUMENT', { what: where, expected, got: unsound });
  }
  const unclean = uncleanPath(value);
  if (unclean === null) return;
  const what = `${where} ${unclean}`;
  const expected = 'text without NUL and without half a surrogate pair';
  throw new FettleError('BAD_ARGUMENT', { what, expected, got: 'a text with one' });
}

function describe<P, Q, B>(route: Route<P, Q, B>): Record<string, unknown> {
  const answers = Object.entries(route.answers).map(([status, schema]) => [
    status,
    schema === null ? { type: 'null', description: 'done' } : jsonSchema(schema),
  ]);
  return {
    summary: route.summary,
    tags: [route.tag],
    ...(route.access === 'anyone' ? {} : { security: [{ token: [] }] }),
    ...(isSchema(route.params) ? { params: jsonSchema(route.params) } : {}),
    ...(isSchema(route.query) ? { querystring: jsonSchema(route.query) } : {}),
    ...(isSchema(route.body) ? { body: jsonSchema(route.body) } : {}),
    response: { ...Object.fromEntries(answers), default: jsonSchema(Problem) },
  };
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** JSON Schema of what is accepted; a digest is the one custom type. */
export function jsonSchema(schema: Schema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema.type === 'custom' ? { type: 'string', pattern: digestPattern.source } : null,
  });
  return rest;
}
