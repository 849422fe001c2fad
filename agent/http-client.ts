/**
 * JSON over HTTP to the controller: bounded in time and bytes, and nothing heavier than
 * `node:http`.
 */
import type { IncomingMessage } from 'node:http';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { countSocket } from '../shared/network-bytes.ts';
import { httpFor } from '../shared/node-http.ts';
import { agentFor } from '../shared/proxy.ts';
import { type Answer, strangerError } from '../shared/refusal.ts';

export interface JsonCall {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body?: unknown;
  readonly token?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const answerBytesMax = 4 << 20;

/**
 * Calls the controller. Throws `CONTROLLER_UNREACHABLE` where nobody answers, or somebody else; or
 * what `signal` was aborted with.
 */
export async function callJson(call: JsonCall): Promise<Answer> {
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
  const payload = call.body === undefined ? null : encodeJson(call.body);
  try {
    const response = await send(call, payload, signal);
    const text = await readText(response);
    const body = parse(text);
    const type = response.headers['content-type'] ?? null;
    const answer = { status: response.statusCode ?? 0, body, type };
    if (body === null && text !== '') throw strangerError(call.url, answer);
    return answer;
  } catch (thrown) {
    call.signal?.throwIfAborted();
    if (thrown instanceof FettleError) throw thrown;
    const reason = timeout.aborted ? `no answer within ${call.timeoutMs} ms` : reasonOf(thrown);
    throw new FettleError('CONTROLLER_UNREACHABLE', { url: call.url, reason }, { cause: thrown });
  }
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
  const request = client.request(call.url, {
    ...{ method: call.method, headers, signal },
    agent: agentFor(call.url),
  });
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
