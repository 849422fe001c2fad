/** The controller's API with compressed bodies: documents and files. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { digestOf } from '../../../shared/digest.ts';
import { startTestController } from '../../support/controller.ts';

test('compressed documents and files are inflated, bombs and others refused', async (t) => {
  const { controller } = await startTestController(t, { fileMib: 1 });
  const { url, adminToken } = controller;
  const send = (path: string, body: Buffer, headers: Readonly<Record<string, string>>) =>
    fetch(url + path, {
      ...{ method: path.includes('blobs') ? 'PUT' : 'POST', body },
      headers: { authorization: `Bearer ${adminToken}`, ...headers },
    });
  const gzip = { 'content-encoding': 'gzip' };
  const json = { 'content-type': 'application/json' };
  const token = Buffer.from(JSON.stringify({ name: 'anna', role: 'viewer' }));
  t.is((await send('/api/v1/tokens', gzipSync(token), { ...json, ...gzip })).status, 201);
  const text = JSON.stringify({ name: 'a', role: 'viewer', more: ' '.repeat(64 << 20) });
  const bomb = await send('/api/v1/tokens', gzipSync(text), { ...json, ...gzip });
  t.is(bomb.status, 413);
  const rubbish = await send('/api/v1/tokens', token, { ...json, ...gzip });
  t.is(rubbish.status, 400);
  t.regex(await rubbish.text(), /body: expected what its content-encoding says/);
  const other = { ...json, 'content-encoding': 'br' };
  const refused = await send('/api/v1/tokens', brotliCompressSync(token), other);
  t.is(refused.status, 415);
  t.is(refused.headers.get('accept-encoding'), 'gzip, deflate');
  const octets = { 'content-type': 'application/octet-stream', ...gzip };
  const file = Buffer.alloc(100_000, 'fettle');
  const path = `/api/v1/blobs/${digestOf(file)}`;
  t.is((await send(path, gzipSync(file), octets)).status, 201);
  const whole = await fetch(url + path, { headers: { authorization: `Bearer ${adminToken}` } });
  t.deepEqual(Buffer.from(await whole.arrayBuffer()), file);
  const large = Buffer.alloc(8 << 20);
  const tooLarge = await send(`/api/v1/blobs/${digestOf(large)}`, gzipSync(large), octets);
  t.is(tooLarge.status, 413);
});
