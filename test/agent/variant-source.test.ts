// What is sent compressed: resumed, bounded, verified, and never the only way to the file.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { openFiles } from '../../agent/files.ts';
import { controllerSource } from '../../agent/variant-source.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { type Served, type VariantServer, variantServer } from '../support/variant-server.ts';

/** Half of it can be compressed. */
const file = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000, 7)]);
const packed = zstdCompressSync(file);

async function brought(t: ExecutionContext, served: Partial<Served>): Promise<VariantServer> {
  const server = await variantServer(t, { file, packed, ...served });
  const files = openFiles(temporaryFolder(t));
  const mqtt = { url: '', username: '', password: '' };
  const keys = { deviceToken: 'token', controllerKey: '' };
  const identity = { device: 'device', controller: server.url, mqtt, ...keys };
  const source = controllerSource({ identity, files, model: 'model', version: 1 });
  const { path, goldenPath } = await source.get(
    { v: 1, bits: 32 },
    { signal: AbortSignal.timeout(60_000), onProgress: () => {} },
  );
  t.true(readFileSync(path).equals(file), 'the very file');
  const names = [path, ...(goldenPath === null ? [] : [goldenPath])].map((one) => basename(one));
  t.deepEqual(readdirSync(files.folder).sort(), names.sort(), 'nothing else is left');
  return server;
}

test('the compressed file is all that is fetched', async (t) => {
  const { asked } = await brought(t, {});
  t.deepEqual(asked, ['packed 0']);
});

test('the golden set is fetched compressed too', async (t) => {
  const golden = Buffer.alloc(100_000, 3);
  const { asked } = await brought(t, {
    golden: { file: golden, packed: zstdCompressSync(golden) },
  });
  t.deepEqual(asked, ['packed 0', 'golden packed 0']);
});

test('a connection that breaks again and again is resumed where it stopped', async (t) => {
  const { asked } = await brought(t, { cutAt: 70_000 });
  t.deepEqual(asked, ['packed 0', 'packed 70000', 'packed 140000']);
});

test('one that is no smaller is not fetched', async (t) => {
  const { asked } = await brought(t, { packed: zstdCompressSync(randomBytes(500_000)) });
  t.deepEqual(asked, ['raw 0']);
});

test('one that is changed on the way is left, and the file itself fetched', async (t) => {
  const { asked } = await brought(t, { instead: Buffer.alloc(packed.length, 1) });
  t.deepEqual(asked, ['packed 0', 'packed 0', 'raw 0']);
});

const wrong: readonly (readonly [string, Buffer])[] = [
  ['a bomb of 256 MiB', zstdCompressSync(Buffer.alloc(256 << 20))],
  ['one byte too many', zstdCompressSync(Buffer.concat([file, Buffer.alloc(1)]))],
  ['one byte too few', zstdCompressSync(file.subarray(1))],
  ['other bytes of the same length', zstdCompressSync(Buffer.alloc(file.length, 3))],
  ['what is not compressed at all', Buffer.from('not compressed')],
  ['half a frame', packed.subarray(0, packed.length / 2)],
  ['a frame that wants a window of 128 MiB', wideFrame()],
];

for (const [name, announced] of wrong) {
  test(`${name} is not unpacked, and the file itself fetched`, async (t) => {
    const { asked } = await brought(t, { packed: announced });
    t.deepEqual(asked, ['packed 0', 'raw 0']);
  });
}

/** RFC 8878 §3.1.1: magic number, no flags, a window descriptor of 2^(10 + 17), an empty block. */
function wideFrame(): Buffer {
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00]);
}
