import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import { compressBeside, sentBytesOf } from '../../shared/zstd.ts';
import { temporaryFolder } from '../support/fettle.ts';

test('a file that becomes smaller is compressed beside it', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const content = Buffer.concat([randomBytes(1000), Buffer.alloc(100_000, 5)]);
  writeFileSync(path, content);
  const packed = await compressBeside(path);
  t.is(packed?.path, `${path}.zst`);
  t.is(packed?.bytes, statSync(`${path}.zst`).size);
  t.true((packed?.bytes ?? 0) < 1200);
  t.true(zstdDecompressSync(readFileSync(`${path}.zst`)).equals(content));
  t.is(await sentBytesOf(path), statSync(`${path}.zst`).size);
});

test('a file that does not is left alone', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  writeFileSync(path, randomBytes(5000));
  t.is(await compressBeside(path), null);
  t.false(existsSync(`${path}.zst`));
  t.is(await sentBytesOf(path), 5000);
});
