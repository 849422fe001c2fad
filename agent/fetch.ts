/**
 * Brings a file of known digest and size here: resumed where it stopped, even after a restart,
 * capped, verified, and under its name only when it is whole. Redirections are not followed.
 */
import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { syncFolder, writeError } from '../shared/atomic-file.ts';
import { type Backoff, waitBackoff } from '../shared/backoff.ts';
import { type Digest, digestOfFile } from '../shared/digest.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { countSocket } from '../shared/network-bytes.ts';
import { httpFor } from '../shared/node-http.ts';
import { agentFor } from '../shared/proxy.ts';
import { openInbox } from './inbox.ts';

export interface FetchRequest {
  readonly url: string;
  readonly token?: string;
  readonly digest: Digest;
  /** Its exact size, as declared beforehand. */
  readonly bytes: number;
  readonly path: string;
  /** Where it grows; kept between attempts and processes. */
  readonly partPath: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number) => void;
  readonly limits?: Partial<FetchLimits>;
}

export interface FetchLimits {
  /** Attempts in a row that bring nothing new, or next to nothing in all their time. */
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  /** Silence after which an attempt is given up. */
  readonly idleMs: number;
  /** One attempt may take this long, and longer only where the file is so large that… */
  readonly wholeMs: number;
  /** …this rate would need longer. */
  readonly bytesPerSecondMin: number;
  /** Disk space to be left for everyone else. */
  readonly freeBytesMin: number;
}

export const fetchLimits: FetchLimits = {
  attemptsMax: 5,
  backoff: { baseMs: 500, maxMs: 15_000 },
  idleMs: 20_000,
  wholeMs: 300_000,
  bytesPerSecondMin: 16 << 10,
  freeBytesMin: 32 << 20,
};

/** How one attempt ended that did not fail for good. */
type Attempt =
  | { readonly state: 'whole' }
  /** `slow`: it brought so little that its whole time was not enough. */
  | { readonly state: 'partial'; readonly reason: string; readonly slow?: boolean };

/**
 * Throws `DISK_FULL` before it begins where the space is short, `TOO_LARGE` where more comes than
 * was declared, `DIGEST_MISMATCH` where twice other bytes came, `DOWNLOAD_FAILED` for the rest.
 */
export async function fetchFile(request: FetchRequest): Promise<void> {
  const limits = { ...fetchLimits, ...request.limits };
  await mkdir(dirname(request.path), { recursive: true });
  await requireSpace(request, limits);
  let fruitless = 0;
  let mismatches = 0;
  while (true) {
    request.signal.throwIfAborted();
    const before = await sizeOf(request.partPath);
    const attempt = before === request.bytes ? whole : await tryOnce(request, before, limits);
    if (attempt.state === 'whole') {
      const got = await digestOfFile(request.partPath);
      if (got === request.digest) return await settle(request);
      await rm(request.partPath, { force: true });
      mismatches += 1;
      if (mismatches === 2) throw mismatch(request, got);
      continue;
    }
    const brought = (await sizeOf(request.partPath)) > before && !attempt.slow;
    fruitless = brought ? 0 : fruitless + 1;
    if (fruitless >= limits.attemptsMax) throw failed(request, attempt.reason);
    await waitBackoff(fruitless, limits.backoff, request.signal);
  }
}

const whole: Attempt = { state: 'whole' };

async function requireSpace(request: FetchRequest, limits: FetchLimits): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(request.path));
  const free = bavail * bsize;
  const needed = request.bytes - (await sizeOf(request.partPath)) + limits.freeBytesMin;
  if (needed > free) throw new FettleError('DISK_FULL', { path: request.path, needed, free });
}

async function tryOnce(request: FetchRequest, have: number, limits: FetchLimits): Promise<Attempt> {
  const slowestMs = Math.ceil((request.bytes / limits.bytesPerSecondMin) * 1000);
  const wholeMs = Math.max(limits.wholeMs, slowestMs);
  const timeout = AbortSignal.timeout(wholeMs);
  const signal = AbortSignal.any([request.signal, timeout]);
  try {
    const response = await ask(request, { have, signal, idleMs: limits.idleMs });
    const start = startOf(request, response, have);
    if (start === null) {
      response.destroy();
      if (response.statusCode === 416) await rm(request.partPath, { force: true });
      return { state: 'partial', reason: `answered with status ${response.statusCode}` };
    }
    await receive(request, response, start);
    const got = await sizeOf(request.partPath);
    if (got === request.bytes) return whole;
    return { state: 'partial', reason: `ended after ${got} of ${request.bytes} bytes` };
  } catch (thrown) {
    request.signal.throwIfAborted();
    if (thrown instanceof FettleError) throw thrown;
    const reason = timeout.aborted ? `not finished within ${wholeMs} ms` : reasonOf(thrown);
    return { state: 'partial', reason, slow: timeout.aborted };
  }
}

interface Asking {
  readonly have: number;
  readonly signal: AbortSignal;
  readonly idleMs: number;
}

function ask(request: FetchRequest, { have, signal, idleMs }: Asking): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = {
    'accept-encoding': 'identity',
    ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
    // RFC 9110 §13.1.5: a range of these very bytes, or all of what is there now.
    ...(have > 0 ? { range: `bytes=${have}-`, 'if-range': `"${request.digest}"` } : {}),
  };
  const client = httpFor(request.url);
  const call = client.get(request.url, { headers, signal, agent: agentFor(request.url) });
  call.setTimeout(idleMs, () => call.destroy(new Error(`nothing came for ${idleMs} ms`)));
  call.on('socket', countSocket);
  call.on('response', resolve);
  call.on('error', reject);
  return promise;
}

/** The offset at which the answer's bytes belong; null where it is not the file. */
function startOf(request: FetchRequest, response: IncomingMessage, have: number): number | null {
  const { statusCode, headers } = response;
  if (statusCode === 401 || statusCode === 403 || statusCode === 404) {
    response.destroy();
    throw failed(request, `answered with status ${statusCode}`);
  }
  // A server that doesn't know ranges answers 200 with everything.
  if (statusCode === 200)
    return requireSize(request, response, { declared: headers['content-length'], start: 0 });
  if (statusCode !== 206) return null;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
  if (Number(range?.[1]) !== have) return null;
  return requireSize(request, response, { declared: range?.[2], start: have });
}

/** Refuses, before the first byte is written, an answer that declares more than the file has. */
function requireSize(
  request: FetchRequest,
  response: IncomingMessage,
  { declared, start }: { declared: string | undefined; start: number },
): number {
  const bytes = Number(declared ?? request.bytes);
  if (!(bytes > request.bytes)) return start;
  response.destroy();
  throw new FettleError('TOO_LARGE', { what: request.url, got: bytes, limit: request.bytes });
}

async function receive(
  request: FetchRequest,
  response: IncomingMessage,
  start: number,
): Promise<void> {
  const inbox = openInbox(response);
  const file = await open(request.partPath, start === 0 ? 'w' : 'r+', 0o600);
  let at = start;
  try {
    for (let chunk = await inbox.next(); chunk !== null; chunk = await inbox.next()) {
      if (at + chunk.length > request.bytes) {
        response.destroy();
        await file.truncate(0);
        const got = at + chunk.length;
        throw new FettleError('TOO_LARGE', { what: request.url, got, limit: request.bytes });
      }
      await file.write(chunk, 0, chunk.length, at).catch((thrown: unknown) => {
        throw writeError(request.partPath, request.bytes - at, thrown);
      });
      at += chunk.length;
      request.onProgress?.(at);
    }
  } finally {
    // What came is worth keeping, also when the connection broke.
    await file.sync().catch(() => {});
    await file.close();
  }
}

async function settle({ path, partPath }: FetchRequest): Promise<void> {
  await rename(partPath, path);
  await syncFolder(dirname(path));
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

function failed({ url }: FetchRequest, reason: string): FettleError {
  return new FettleError('DOWNLOAD_FAILED', { url, reason });
}

function mismatch({ url, digest }: FetchRequest, got: string): FettleError {
  return new FettleError('DIGEST_MISMATCH', { what: url, expected: digest, got });
}
