/**
 * JSON over HTTP to the controller: bounded in time and bytes, and nothing heavier than
 * `node:http`.
 */
import type { IncomingMessage } from 'node:http';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { countSocket } from '../shared/network-bytes.ts';
import { httpFor } from '../shared/node-http.ts';

export interface JsonCall {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body?: unknown;
  readonly token?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

const answerBytesMax = 4 << 20;

/** Calls the controller. Throws `CONTROLLER_UNREACHABLE`, or what `signal` was aborted with. */
export async function callJson(call: JsonCall): Promise<JsonAnswer> {
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
  const payload = call.body === undefined ? null : encodeJson(call.body);
  try {
    const response = await send(call, payload, signal);
    const text = await readText(response);
    return { status: response.statusCode ?? 0, body: parse(text) };
  } catch (thrown) {
    call.signal?.throwIfAborted();
    const reason = timeout.aborted ? `no answer within ${call.timeoutMs} ms` : reasonOf(thrown);
    throw new FettleError('CONTROLLER_UNREACHABLE', { url: call.url, reason }, { cause: thrown });
  }
}

/** What the controller said of a refused call: its problem document's detail, or the status. */
export function problemOf(answer: JsonAnswer): { code: string | null; detail: string } {
  const { body } = answer;
  if (typeof body !== 'object' || body === null) {
    return { code: null, detail: `answered with status ${answer.status}` };
  }
  const code = 'code' in body && typeof body.code === 'string' ? body.code : null;
  const known = 'detail' in body && typeof body.detail === 'string' ? body.detail : null;
  return { code, detail: known ?? `answered with status ${answer.status}` };
}

function send(
  call: JsonCall,
  payload: string | null,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const client = httpFor(call.url);
  const headers = {
    accept: 'application/json',
    ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
    ...(payload === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
  };
  const request = client.request(call.url, { method: call.method, headers, signal });
  request.on('socket', countSocket);
  request.on('response', resolve);
  request.on('error', reject);
  request.end(payload ?? undefined);
  return promise;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) {
      response.destroy();
      throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
