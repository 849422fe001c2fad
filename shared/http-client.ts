/**
 * A typed client of the controller's HTTP API for programs that must stay small: bounded, and
 * errors with their code.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Agent as HttpAgent, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { controllerUrl } from './controller-url.ts';
import type { Digest } from './digest.ts';
import { FettleError, reasonOf } from './errors.ts';
import { sentenceOf } from './issues.ts';
import { encodeJson } from './json.ts';
import { httpFor } from './node-http.ts';
import { newAgent } from './proxy.ts';
import { type Answer, refusalOf, strangerError } from './refusal.ts';
import { trustAlso } from './trust.ts';
import type { Progress } from './variants.ts';

export interface ClientOptions {
  /** `http://host:port`, and a path where it stands behind one. */
  readonly url: string;
  readonly token: string | null;
  /** A file with authorities that may vouch for it, beside the usual ones. */
  readonly ca?: string | null;
  /** How long one answer may take. */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  /** GET where nothing is said. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface HttpClient {
  readonly url: string;
  /**
   * The answer as its schema says. Throws what the controller refused it with, by its code;
   * `CONTROLLER_UNREACHABLE` where there is no answer; `MESSAGE_INVALID` where it isn't of the
   * schema.
   */
  call<S extends v.GenericSchema>(
    schema: S,
    path: string,
    options?: CallOptions,
  ): Promise<v.InferOutput<S>>;
  /**
   * Stores a file under its digest, unless the controller has it. Returns whether bytes were sent.
   */
  upload(file: Upload): Promise<boolean>;
  /** The body of a GET as it arrives; the caller ends it. */
  stream(path: string, signal: AbortSignal): Promise<Readable>;
}

interface Upload {
  readonly path: string;
  readonly digest: Digest;
  /** What it is, for the progress bar. */
  readonly what: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

const defaultTimeoutMs = 60_000;
const answerBytesMax = 256 << 20;

export function createHttpClient(options: ClientOptions): HttpClient {
  if (options.ca != null) trustAlso(options.ca);
  const agent = newAgent(options.url, { keepAlive: true, maxSockets: 8 });
  const send = (request: Sending) => sendRequest({ ...request, options, agent });
  const client: HttpClient = {
    url: options.url,
    async call(schema, path, { method = 'GET', body, signal, timeoutMs } = {}) {
      const payload = body === undefined ? null : encodeJson(body);
      const response = await send({ method, path, payload, signal, timeoutMs });
      const document = parse(await readText(response, path));
      if ((response.statusCode ?? 0) >= 400)
        throw refusalOf(options.url, answerOf(response, document));
      const result = v.safeParse(schema, document);
      if (result.success) return result.output;
      const type = response.headers['content-type'] ?? '';
      if (document === null && !type.includes('json')) {
        throw strangerError(options.url, answerOf(response, document));
      }
      const reason = sentenceOf(schema, result.issues, 'the answer');
      throw new FettleError('MESSAGE_INVALID', { topic: path, reason });
    },
    async upload(file) {
      const path = `/api/v1/blobs/${file.digest}`;
      const known = await send({ method: 'HEAD', path, payload: null, signal: file.signal });
      known.resume();
      if (known.statusCode === 200) return false;
      const response = await sendFile(send, path, file);
      const document = parse(await readText(response, path));
      if ((response.statusCode ?? 0) >= 400)
        throw refusalOf(options.url, answerOf(response, document));
      return true;
    },
    async stream(path, signal) {
      const response = await send({ method: 'GET', path, payload: null, signal, timeoutMs: 0 });
      if ((response.statusCode ?? 0) < 400) return response;
      throw refusalOf(options.url, answerOf(response, parse(await readText(response, path))));
    },
  };
  return client;
}

interface Sending {
  readonly method: string;
  readonly path: string;
  readonly payload: string | Readable | null;
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** 0 waits for ever. */
  readonly timeoutMs?: number | undefined;
}

async function sendFile(
  send: (request: Sending) => Promise<IncomingMessage>,
  path: string,
  { path: filePath, what, signal, onProgress }: Upload,
): Promise<IncomingMessage> {
  const { size } = await stat(filePath).catch((thrown) => {
    throw new FettleError('FILE_UNREADABLE', { path: filePath, reason: reasonOf(thrown) });
  });
  const file = createReadStream(filePath, { highWaterMark: 256 << 10 });
  let done = 0;
  file.on('data', (chunk) => {
    done += chunk.length;
    onProgress?.({ what, done, total: size, unit: 'bytes' });
  });
  return await send({ method: 'PUT', path, payload: file, bytes: size, signal, timeoutMs: 0 });
}

async function sendRequest(
  call: Sending & { options: ClientOptions; agent: InstanceType<typeof HttpAgent> },
): Promise<IncomingMessage> {
  const { options, agent, method, path, payload } = call;
  const url = controllerUrl(options.url, path);
  const limitMs = call.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs;
  const timeout = limitMs > 0 ? AbortSignal.timeout(limitMs) : null;
  const signals = [call.signal, timeout].filter((signal) => signal != null);
  const client = httpFor(url);
  const request: RequestOptions = {
    method,
    agent,
    headers: headersOf(options, payload, call.bytes),
    ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sending = client.request(url, request, resolve);
  sending.on('error', reject);
  if (payload === null || typeof payload === 'string') sending.end(payload ?? undefined);
  else {
    // An early refusal ends the upload; its answer is what counts.
    sending.on('response', () => payload.unpipe(sending));
    payload.on('error', (error) => sending.destroy(error));
    payload.pipe(sending);
  }
  try {
    return await promise;
  } catch (thrown) {
    call.signal?.throwIfAborted();
    const reason = timeout?.aborted ? `no answer within ${limitMs} ms` : reasonOf(thrown);
    const where = { url: options.url, reason: reason || 'connection refused' };
    throw new FettleError('CONTROLLER_UNREACHABLE', where, { cause: thrown });
  }
}

function headersOf(
  { token }: ClientOptions,
  payload: string | Readable | null,
  bytes: number | undefined,
): Record<string, string | number> {
  const text = typeof payload === 'string';
  return {
    accept: 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(text
      ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
      : {}),
    ...(bytes === undefined
      ? {}
      : { 'content-type': 'application/octet-stream', 'content-length': bytes }),
  };
}

async function readText(response: IncomingMessage, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > answerBytesMax) {
        const sizes = { what: 'answer', got: bytes, limit: answerBytesMax };
        throw new FettleError('TOO_LARGE', sizes);
      }
      chunks.push(chunk);
    }
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown;
    throw new FettleError('CONTROLLER_UNREACHABLE', { url: path, reason: reasonOf(thrown) });
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

function answerOf(response: IncomingMessage, body: unknown): Answer {
  const type = response.headers['content-type'] ?? null;
  return { status: response.statusCode ?? 0, body, type };
}
