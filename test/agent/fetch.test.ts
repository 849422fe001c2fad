import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type FetchRequest, fetchFile } from '../../agent/fetch.ts';
import { digestOf } from '../../shared/digest.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { temporaryFolder } from '../support/fettle.ts';
import {
  boastingServer,
  cutServer,
  drippingServer,
  endlessServer,
  type FileServer,
  failingServer,
  goodServer,
  rangelessServer,
  silentServer,
  wrongBytesServer,
} from '../support/file-server.ts';
import { until } from '../support/until.ts';

const file = Buffer.alloc(300_000, Buffer.from(Array.from({ length: 251 }, (_, at) => at)));
const quick = { backoff: { baseMs: 1, maxMs: 2 }, freeBytesMin: 0 };

function requestOf(t: ExecutionContext, server: FileServer): FetchRequest {
  const folder = temporaryFolder(t);
  return {
    url: server.url,
    digest: digestOf(file),
    bytes: file.length,
    path: join(folder, 'file'),
    partPath: join(folder, 'file.part'),
    signal: new AbortController().signal,
    limits: quick,
  };
}

function isWhole(t: ExecutionContext, request: FetchRequest): void {
  t.true(readFileSync(request.path).equals(file));
  t.false(existsSync(request.partPath));
}

async function refused(t: ExecutionContext, request: FetchRequest, code: ErrorCode) {
  await t.throwsAsync(fetchFile(request), { code });
  t.false(existsSync(request.path), 'nothing lies under the name');
}

test('a file comes whole, with its progress', async (t) => {
  const seen: number[] = [];
  const request = requestOf(t, await goodServer(t, file));
  await fetchFile({ ...request, onProgress: (done) => seen.push(done) });
  isWhole(t, request);
  t.is(seen.at(-1), file.length);
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
});

test('a connection that breaks again and again is resumed where it stopped', async (t) => {
  const server = await cutServer(t, file, 40_000);
  const request = requestOf(t, server);
  await fetchFile(request);
  isWhole(t, request);
  t.true(server.ranges.length >= 8);
  t.is(server.ranges[0], null);
  t.true(server.ranges.slice(1).every((range) => range !== null));
});

test('what an earlier process brought is not fetched again', async (t) => {
  const server = await goodServer(t, file);
  const request = requestOf(t, server);
  writeFileSync(request.partPath, file.subarray(0, 123_456));
  await fetchFile(request);
  isWhole(t, request);
  t.deepEqual(server.ranges, ['bytes=123456-']);
});

test('an earlier part with other bytes ends in one clean fetch', async (t) => {
  const server = await goodServer(t, file);
  const request = requestOf(t, server);
  writeFileSync(request.partPath, Buffer.alloc(1000, 9));
  await fetchFile(request);
  isWhole(t, request);
  t.deepEqual(server.ranges, ['bytes=1000-', null]);
});

test('a part that is whole already needs no request', async (t) => {
  const server = await goodServer(t, file);
  const request = requestOf(t, server);
  writeFileSync(request.partPath, file);
  await fetchFile(request);
  isWhole(t, request);
  t.deepEqual(server.ranges, []);
});

test('a server that ignores ranges gives the whole file in the end', async (t) => {
  const request = requestOf(t, await rangelessServer(t, file));
  await fetchFile(request);
  isWhole(t, request);
});

test('wrong bytes once are fetched again', async (t) => {
  const request = requestOf(t, await wrongBytesServer(t, file, 1));
  await fetchFile(request);
  isWhole(t, request);
});

test('wrong bytes twice are refused', async (t) => {
  await refused(t, requestOf(t, await wrongBytesServer(t, file, 9)), 'DIGEST_MISMATCH');
});

test('a body that never ends is cut off at the declared size', async (t) => {
  const request = requestOf(t, await endlessServer(t, file));
  await refused(t, request, 'TOO_LARGE');
  t.is(statSync(request.partPath).size, 0);
});

test('an answer that declares too much is refused before a byte is written', async (t) => {
  const request = requestOf(t, await boastingServer(t, 10 * 2 ** 30));
  await refused(t, request, 'TOO_LARGE');
  t.false(existsSync(request.partPath));
});

test('errors of a server that passes them are survived', async (t) => {
  const request = requestOf(t, await failingServer(t, file, { status: 503, times: 3 }));
  await fetchFile(request);
  isWhole(t, request);
});

test('errors that do not pass end it', async (t) => {
  const server = await failingServer(t, file, { status: 500, times: 99 });
  const request = requestOf(t, server);
  await refused(t, { ...request, limits: { ...quick, attemptsMax: 3 } }, 'DOWNLOAD_FAILED');
  t.is(server.ranges.length, 3);
});

test('a file that is not there is not asked for twice', async (t) => {
  const server = await failingServer(t, file, { status: 404, times: 99 });
  await refused(t, requestOf(t, server), 'DOWNLOAD_FAILED');
  t.is(server.ranges.length, 1);
});

test('a server that falls silent is given up', async (t) => {
  const request = requestOf(t, await silentServer(t, file));
  const limits = { ...quick, idleMs: 50, attemptsMax: 2 };
  await refused(t, { ...request, limits }, 'DOWNLOAD_FAILED');
});

test('a transfer that takes too long as a whole is given up', async (t) => {
  const request = requestOf(t, await silentServer(t, file));
  const limits = { ...quick, wholeMs: 50, bytesPerSecondMin: 2 ** 30, attemptsMax: 2 };
  await refused(t, { ...request, limits }, 'DOWNLOAD_FAILED');
});

test('a server that drips is given up too, and what came is kept', async (t) => {
  const server = await drippingServer(t, file);
  const request = requestOf(t, server);
  const limits = { ...quick, wholeMs: 60, bytesPerSecondMin: 2 ** 30, attemptsMax: 3 };
  await refused(t, { ...request, limits }, 'DOWNLOAD_FAILED');
  t.is(server.ranges.length, 3);
  t.true(statSync(request.partPath).size > 0);
});

test('a large file has its time, which is no whole number of milliseconds', async (t) => {
  const request = requestOf(t, await goodServer(t, file));
  await fetchFile({ ...request, limits: { ...quick, wholeMs: 1, bytesPerSecondMin: 7 } });
  isWhole(t, request);
});

test('a disk without room is seen before anything is fetched', async (t) => {
  const server = await goodServer(t, file);
  const request = requestOf(t, server);
  await refused(t, { ...request, limits: { freeBytesMin: 2 ** 60 } }, 'DISK_FULL');
  t.deepEqual(server.ranges, []);
});

test('an abort ends it at once and keeps what came', async (t) => {
  const abort = new AbortController();
  const server = await silentServer(t, file);
  const request = { ...requestOf(t, server), signal: abort.signal };
  const fetching = fetchFile(request);
  await until(
    'the first byte',
    () => existsSync(request.partPath) && statSync(request.partPath).size === 1,
  );
  abort.abort();
  await t.throwsAsync(fetching, { name: 'AbortError' });
  t.is(statSync(request.partPath).size, 1);
});
