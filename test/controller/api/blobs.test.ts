import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../../shared/digest.ts';
import { startTestController, type TestController } from '../../support/controller.ts';
import { until } from '../../support/until.ts';

interface Scene {
  readonly test: TestController;
  readonly fetchBlob: (digest: string, init?: RequestInit) => Promise<Response>;
  /** Everything that lies in the store, finished or not. */
  readonly files: () => Promise<string[]>;
}

async function scene(t: ExecutionContext, overrides = {}): Promise<Scene> {
  const test = await startTestController(t, overrides);
  const { url, adminToken } = test.controller;
  return {
    test,
    fetchBlob: (digest, init = {}) =>
      fetch(`${url}/api/v1/blobs/${digest}`, {
        ...init,
        headers: {
          authorization: `Bearer ${adminToken}`,
          ...(init.body ? { 'content-type': 'application/octet-stream' } : {}),
          ...init.headers,
        },
      }),
    async files() {
      const folder = join(test.folder, 'blobs');
      const all = await readdir(folder, { recursive: true, withFileTypes: true });
      return all.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
  };
}

const bytes = randomBytes(100_000);
const digest = digestOf(bytes);

test('a file comes back as it went in, whole and in ranges', async (t) => {
  const { fetchBlob } = await scene(t);
  t.is((await fetchBlob(digest, { method: 'HEAD' })).status, 404);
  t.is((await fetchBlob(digest, { method: 'PUT', body: bytes })).status, 201);
  t.is((await fetchBlob(digest, { method: 'PUT', body: bytes })).status, 200, 'the second time');
  const head = await fetchBlob(digest, { method: 'HEAD' });
  t.is(head.headers.get('content-length'), '100000');
  t.is(head.headers.get('etag'), `"${digest}"`);
  const whole = await fetchBlob(digest);
  t.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes);
});

/** RFC 9110, section 14: what is asked, the status, and which part comes. */
const ranges: readonly (readonly [string, number, readonly [number, number] | null])[] = [
  ['bytes=0-9', 206, [0, 10]],
  ['bytes=99990-', 206, [99_990, 100_000]],
  ['bytes=-10', 206, [99_990, 100_000]],
  ['bytes=-200000', 206, [0, 100_000]],
  ['bytes=50-1000000', 206, [50, 100_000]],
  ['bytes=100000-', 416, null],
  ['bytes=-0', 416, null],
  ['bytes=10-5', 200, [0, 100_000]],
  ['bytes=0-1,5-6', 200, [0, 100_000]],
  ['lines=0-1', 200, [0, 100_000]],
  ['bytes=-', 200, [0, 100_000]],
];

test('ranges are served as RFC 9110 says', async (t) => {
  const { fetchBlob } = await scene(t);
  await fetchBlob(digest, { method: 'PUT', body: bytes });
  for (const [range, status, part] of ranges) {
    const answer = await fetchBlob(digest, { headers: { range } });
    t.is(answer.status, status, range);
    const body = Buffer.from(await answer.arrayBuffer());
    if (part) t.deepEqual(body, bytes.subarray(...part), range);
    if (status === 206 && part) {
      t.is(answer.headers.get('content-range'), `bytes ${part[0]}-${part[1] - 1}/100000`);
    }
  }
  const other = { range: 'bytes=0-9', 'if-range': `"${digestOf('other')}"` };
  t.is((await fetchBlob(digest, { headers: other })).status, 200, 'the file is another one');
  const same = { range: 'bytes=0-9', 'if-range': `"${digest}"` };
  t.is((await fetchBlob(digest, { headers: same })).status, 206);
  const known = { 'if-none-match': `"${digest}"` };
  t.is((await fetchBlob(digest, { headers: known })).status, 304);
});

test('an empty file is a file', async (t) => {
  const { test } = await scene(t);
  const { url, adminToken } = test.controller;
  const empty = digestOf('');
  const headers = {
    authorization: `Bearer ${adminToken}`,
    'content-type': 'application/octet-stream',
    'content-length': '0',
  };
  const put = await fetch(`${url}/api/v1/blobs/${empty}`, { method: 'PUT', headers, body: '' });
  t.is(put.status, 201);
  const got = await fetch(`${url}/api/v1/blobs/${empty}`, { headers });
  t.is((await got.arrayBuffer()).byteLength, 0);
});

test('bytes that are not what they are called are refused, and nothing is left', async (t) => {
  const { fetchBlob, files } = await scene(t);
  const wrong = await fetchBlob(digest, { method: 'PUT', body: randomBytes(100_000) });
  t.is(wrong.status, 400);
  t.like(await wrong.json(), { code: 'DIGEST_MISMATCH', retryable: true });
  t.deepEqual(await files(), []);
});

test('a claim of 10 GB is refused before a byte of it is read', async (t) => {
  const { test, files } = await scene(t);
  const answer = await raw(test, digest, { length: 10 * 2 ** 30, send: '' });
  t.regex(answer, /^HTTP\/1\.1 413 /);
  t.regex(answer, /"code":"TOO_LARGE"/);
  t.regex(answer, /file: 10737418240 bytes, at most 4294967296 are accepted/);
  t.deepEqual(await files(), []);
});

test('a stream without a length ends at the limit', async (t) => {
  const { test, files } = await scene(t, { fileMib: 1 });
  const chunk = `${(64 << 10).toString(16)}\r\n${'x'.repeat(64 << 10)}\r\n`;
  const answer = await raw(test, digest, { length: null, send: chunk.repeat(40) });
  t.regex(answer, /^HTTP\/1\.1 413 /);
  t.deepEqual(await files(), []);
});

test('an upload that is cut leaves nothing, and can be done again', async (t) => {
  const { test, fetchBlob, files } = await scene(t);
  await raw(test, digest, { length: bytes.length, send: bytes.subarray(0, 5000), cut: true });
  await until('the rest to be cleared away', async () => (await files()).length === 0);
  t.is((await fetchBlob(digest, { method: 'HEAD' })).status, 404);
  t.is((await fetchBlob(digest, { method: 'PUT', body: bytes })).status, 201);
});

for (const path of [
  '../secrets/admin-token',
  '..%2f..%2fsecrets%2fadmin-token',
  'sha256:..%2f..%2f..%2fsecrets%2fadmin-token',
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `md5:${'a'.repeat(64)}`,
]) {
  test(`${path} is no file`, async (t) => {
    const { test } = await scene(t);
    const { url, adminToken } = test.controller;
    const headers = { authorization: `Bearer ${adminToken}` };
    const answer = await fetch(`${url}/api/v1/blobs/${path}`, { headers });
    t.true(answer.status === 400 || answer.status === 404, String(answer.status));
    t.false((await answer.text()).includes(adminToken));
  });
}

test('a device reads, and does not write', async (t) => {
  const { test, fetchBlob } = await scene(t);
  await fetchBlob(digest, { method: 'PUT', body: bytes });
  const { url } = test.controller;
  const anonymous = await fetch(`${url}/api/v1/blobs/${digest}`);
  t.is(anonymous.status, 401);
});

interface Raw {
  /** null sends it in chunks. */
  readonly length: number | null;
  readonly send: string | Buffer;
  /** Cuts the connection after what was sent. */
  readonly cut?: boolean;
}

/** An upload written by hand, for what no client library would send. Resolves with the answer. */
function raw(
  { controller }: TestController,
  digest: string,
  { length, send, cut = false }: Raw,
): Promise<string> {
  const { hostname, port } = new URL(controller.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer.includes('"code"')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    const framing = length === null ? 'transfer-encoding: chunked' : `content-length: ${length}`;
    socket.write(
      `PUT /api/v1/blobs/${digest} HTTP/1.1\r\nhost: x\r\n${framing}\r\n` +
        `authorization: Bearer ${controller.adminToken}\r\n` +
        'content-type: application/octet-stream\r\n\r\n',
    );
    socket.write(send, () => {
      if (cut) socket.destroy();
    });
  });
}
