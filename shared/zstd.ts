/** Files compressed with Zstandard (RFC 8878), to be sent. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';

/**
 * How far back a frame may refer, as a power of two: what unpacking holds in memory, 8 MiB, as
 * RFC 8878 §3.1.1.1.2 asks every decoder to support.
 */
export const windowLog = 23;

/** Of level 19, about a megabyte takes a second; of level 12, about a tenth. */
const levels = { small: 19, large: 12, smallBytesMax: 16 << 20 };

/** Writes `<path>.zst` and returns it with its size; null, and no file, where it is not smaller. */
export async function compressBeside(
  path: string,
): Promise<{ readonly path: string; readonly bytes: number } | null> {
  const { size } = await stat(path);
  const packed = `${path}.zst`;
  await pipeline(createReadStream(path), compressor(size), createWriteStream(packed));
  const bytes = (await stat(packed)).size;
  if (bytes < size) return { path: packed, bytes };
  await rm(packed, { force: true });
  return null;
}

/** How many bytes are sent of a file: as it is, or compressed where that is smaller. */
export async function sentBytesOf(path: string): Promise<number> {
  const { size } = await stat(path);
  let bytes = 0;
  await pipeline(createReadStream(path), compressor(size), async (packed) => {
    for await (const chunk of packed) bytes += chunk.length;
  });
  return Math.min(bytes, size);
}

function compressor(size: number): ZstdCompress {
  const level = size <= levels.smallBytesMax ? levels.small : levels.large;
  return createZstdCompress({
    pledgedSrcSize: size,
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: windowLog,
    },
  });
}
