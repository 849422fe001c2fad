import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { type Blobs, openBlobs } from '../../../controller/store/blobs.ts';
import { digestOf } from '../../../shared/digest.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { tmpfsOrSkip } from '../../support/tmpfs.ts';

const mebibyte = 1 << 20;

function put(blobs: Blobs, bytes: Uint8Array, length: number | null = bytes.length) {
  return blobs.put({ digest: digestOf(bytes), stream: Readable.from([bytes]), length });
}

async function filesIn(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test('a claim that does not fit the disk is refused before it is read', async (t) => {
  const folder = tmpfsOrSkip(t, 100);
  if (folder === null) return;
  const blobs = await openBlobs(folder, 4096 * mebibyte);
  const stream = Readable.from([randomBytes(10)]);
  const upload = { digest: digestOf('x'), stream, length: 200 * mebibyte };
  await t.throwsAsync(blobs.put(upload), { code: 'DISK_FULL', message: /bytes needed/ });
  t.deepEqual(await filesIn(folder), []);
});

test('a disk that fills up leaves nothing of the file, and the others alone', async (t) => {
  const folder = tmpfsOrSkip(t, 8);
  if (folder === null) return;
  const blobs = await openBlobs(folder, 4096 * mebibyte);
  const kept = randomBytes(mebibyte);
  await put(blobs, kept, null);
  const big = Array.from({ length: 10 }, () => randomBytes(mebibyte));
  const digest = digestOf(Buffer.concat(big));
  const filling = blobs.put({ digest, stream: Readable.from(big), length: null });
  await t.throwsAsync(filling, { code: 'DISK_FULL' });
  t.deepEqual(await filesIn(folder), [digestOf(kept).slice('sha256:'.length)]);
  t.is(await blobs.sizeOf(digest), null);
  t.is(await blobs.sizeOf(digestOf(kept)), mebibyte);
});

test('what a crash left half-done is gone at the next start', async (t) => {
  const folder = temporaryFolder(t);
  const first = await openBlobs(folder, mebibyte);
  await put(first, Buffer.from('whole'));
  await writeFile(join(first.scratch, 'upload-7'), 'half');
  const second = await openBlobs(folder, mebibyte);
  t.deepEqual(await filesIn(folder), [digestOf('whole').slice('sha256:'.length)]);
  t.is(await second.sizeOf(digestOf('whole')), 5);
});

test('two uploads of one file at once are both right', async (t) => {
  const blobs = await openBlobs(temporaryFolder(t), mebibyte);
  const bytes = randomBytes(100_000);
  await Promise.all([put(blobs, bytes), put(blobs, bytes), put(blobs, bytes)]);
  t.is(await blobs.sizeOf(digestOf(bytes)), 100_000);
});

test('a finished file is taken over by what it is', async (t) => {
  const folder = temporaryFolder(t);
  const blobs = await openBlobs(folder, mebibyte);
  const path = join(blobs.scratch, 'built.onnx');
  await writeFile(path, 'built');
  const adopted = await blobs.adopt(path);
  t.deepEqual(adopted, { digest: digestOf('built'), bytes: 5 });
  await writeFile(path, 'built');
  t.deepEqual(await blobs.adopt(path), adopted, 'the same again');
  await rm(path, { force: true });
});
