/** What a bundle says of itself: its manifest is the first file of the archive. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import * as v from 'valibot';
import type { Digest } from '../../shared/digest.ts';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { architectures, type BundleRecord } from '../../shared/protocol/releases.ts';
import { windowLog } from '../../shared/zstd.ts';

const Manifest = v.looseObject({
  name: v.literal('fettle'),
  version: v.pipe(v.string(), v.regex(/^[\w.+-]{1,64}$/)),
  arch: v.picklist(architectures),
});

const block = 512;
const manifestBytesMax = 8 << 20;
const unpackedBytesMax = 2 ** 30;

/** Throws `BUNDLE_INVALID` where the file is no bundle. */
export async function readBundle(
  path: string,
  digest: Digest,
): Promise<{ readonly version: string; readonly bundle: BundleRecord }> {
  const refuse = (reason: string) => new FettleError('BUNDLE_INVALID', { digest, reason });
  const head: Buffer[] = [];
  let kept = 0;
  let unpackedBytes = 0;
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  try {
    await pipeline(createReadStream(path), createZstdDecompress({ params }), async (chunks) => {
      for await (const chunk of chunks) {
        unpackedBytes += chunk.length;
        if (unpackedBytes > unpackedBytesMax) throw refuse('it unpacks to more than 1 GiB');
        if (kept < manifestBytesMax) head.push(chunk);
        kept += chunk.length;
      }
    });
  } catch (thrown) {
    throw thrown instanceof FettleError ? thrown : refuse(reasonOf(thrown));
  }
  const manifest = v.safeParse(Manifest, firstFile(Buffer.concat(head)));
  if (!manifest.success) throw refuse('its first file is not the manifest of an agent');
  const { version, arch } = manifest.output;
  return { version, bundle: { arch, digest, bytes: (await stat(path)).size, unpackedBytes } };
}

/** POSIX.1-1988 "ustar": the size in octal digits at 124. */
function firstFile(tar: Buffer): unknown {
  const name = tar.toString('latin1', 0, 100).split('\0', 1)[0] ?? '';
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8);
  if (!name.endsWith('/manifest.json') || !(size < manifestBytesMax)) return null;
  try {
    return JSON.parse(tar.toString('utf8', block, block + size));
  } catch {
    return null;
  }
}
