/**
 * What is answered under which path: the routes of the Open Inference Protocol, version 2, and two
 * of our own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FettleError, reportError } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import type { SpanSink } from '../../shared/otlp/tracer.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import type { Reported } from '../report.ts';
import { readBody } from './body.ts';
import { type Asked, infer, parseJson } from './infer.ts';
import { datatypeOf } from './inference/datatypes.ts';
import { wrong } from './inference/wrong.ts';
import type { Active, Names, Server } from './server.ts';
import { type FollowedRequest, followRequest } from './trace.ts';

export interface Doors {
  readonly server: Server;
  readonly version: string;
  readonly bodyBytesMax: number;
  readonly report: () => Reported | null;
  /** How the connection to the broker stands. */
  readonly connection: () => object | null;
  readonly metrics: () => string;
  /** Where spans of traces go; null where nobody keeps them. */
  readonly spans: SpanSink | null;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly tail?: readonly Uint8Array[];
  readonly type?: string;
}

interface Exchange {
  readonly request: IncomingMessage;
  /** For headers that an error has as well. */
  readonly response: Pick<ServerResponse, 'setHeader'>;
  /** Aborted, with the error as its reason, when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

type Handler = (doors: Doors, exchange: Exchange) => Answer | Promise<Answer>;
type Handle = (doors: Doors, exchange: Exchange, names: Names) => Answer | Promise<Answer>;

const model = '/v2/models/(?<model>[^/]+)(?:/versions/(?<version>[^/]+))?';

const routes: readonly { method: string; path: RegExp; handle: Handle }[] = [
  { method: 'GET', path: /^\/$/, handle: statusPage },
  { method: 'GET', path: /^\/metrics$/, handle: metricsPage },
  { method: 'GET', path: /^\/v2\/?$/, handle: serverMetadata },
  { method: 'GET', path: /^\/v2\/health\/live$/, handle: () => json({ live: true }) },
  { method: 'GET', path: /^\/v2\/health\/ready$/, handle: serverReady },
  { method: 'GET', path: new RegExp(`^${model}$`), handle: modelMetadata },
  { method: 'GET', path: new RegExp(`^${model}/ready$`), handle: modelReady },
  { method: 'POST', path: new RegExp(`^${model}/infer$`), handle: modelInfer },
];

/** Throws `NOT_FOUND`. */
export function findRoute(method: string, path: string): Handler {
  const asked = method === 'HEAD' ? 'GET' : method;
  for (const route of routes) {
    const match = route.method === asked ? route.path.exec(path) : null;
    if (!match) continue;
    const names = { model: match.groups?.model ?? '', version: match.groups?.version ?? null };
    return (doors, exchange) => route.handle(doors, exchange, names);
  }
  throw new FettleError('NOT_FOUND', { what: `route ${method} ${path.slice(0, 200)}` });
}

function json(value: unknown, status = 200): Answer {
  return { status, body: encodeJson(value) };
}

function statusPage({ report, connection }: Doors): Answer {
  const known = report() ?? { state: 'starting' };
  return json({ ...known, broker: connection() });
}

function metricsPage({ metrics }: Doors): Answer {
  return { status: 200, body: metrics(), type: 'text/plain; version=0.0.4; charset=utf-8' };
}

function serverMetadata({ version }: Doors): Answer {
  return json({ name: 'fettle', version, extensions: ['binary_tensor_data'] });
}

function serverReady({ server }: Doors): Answer {
  const ready = server.ready();
  return json({ ready }, ready ? 200 : 503);
}

function modelMetadata({ server }: Doors, _: Exchange, names: Names): Answer {
  const { serving, pool } = server.require(names);
  return json({
    name: serving.model,
    versions: [String(serving.version)],
    platform: 'onnxruntime_onnx',
    inputs: pool.inputs.map(tensorMetadata),
    outputs: pool.outputs.map(tensorMetadata),
    parameters: parametersOf(serving),
  });
}

function modelReady({ server }: Doors, _: Exchange, names: Names): Answer {
  server.require(names);
  return json({ name: names.model, ready: true });
}

async function modelInfer(doors: Doors, exchange: Exchange, names: Names): Promise<Answer> {
  const { request, response } = exchange;
  const { traceparent } = request.headers;
  const trace = followRequest(doors.spans, { traceparent, model: names.model, transport: 'http' });
  if (trace) response.setHeader('traceresponse', trace.response);
  try {
    const answer = await inferBody(doors, exchange, { ...names, trace });
    trace?.end();
    return answer;
  } catch (thrown) {
    trace?.end(reportError(thrown).message);
    throw thrown;
  }
}

async function inferBody(
  { server, bodyBytesMax }: Doors,
  { request, signal }: Exchange,
  names: Names & { readonly trace: FollowedRequest | null },
): Promise<Answer> {
  // Whoever asks for what is not here is told before sending much.
  server.require(names);
  let read: Pick<Asked, 'document' | 'tail'>;
  try {
    const { json: text, tail } = await readBody(request, jsonBytesOf(request), bodyBytesMax);
    read = { document: parseJson(text), tail };
  } catch (thrown) {
    server.unread(signal.aborted ? signal.reason : thrown);
    throw thrown;
  }
  const answer = await infer(server, { ...names, ...read, signal });
  return { status: 200, body: answer.json, tail: answer.tail };
}

function jsonBytesOf(request: IncomingMessage): number | null {
  const text = request.headers['inference-header-content-length'];
  if (text === undefined) return null;
  const bytes = Number(text);
  if (Number.isInteger(bytes) && bytes > 0) return bytes;
  throw wrong('Inference-Header-Content-Length', 'the bytes of the JSON', String(text));
}

function tensorMetadata({ name, type, shape }: TensorInfo) {
  return { name, datatype: datatypeOf(type) ?? type.toUpperCase(), shape };
}

/** What this product adds: which variant answers, and how it runs. */
function parametersOf({ variant, recipeName, plan, bytes, reason }: Active['serving']) {
  return { variant, recipe: recipeName, plan, bytes, reason };
}
