/** Writes ZIP archives whose bytes depend on their content alone: fixed dates, fixed order. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** 1 January 1980, the first day a ZIP archive can name; numpy writes the same. */
const dosDate = 0x21;
const version = 20;
const utf8Names = 0x800;

/**
 * The archive. Compressed bytes may differ between processors and zlib versions; stored ones do
 * not.
 */
export function formatZip(contents: readonly ZipContent[], compress: boolean): Buffer {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of contents) {
    const data = compress ? deflateRawSync(bytes) : bytes;
    const fields = commonFields(bytes, data.length, { compress, name });
    const encoded = Buffer.from(name);
    const local = Buffer.concat([signature(0x04034b50), fields, encoded]);
    parts.push(local, data);
    directory.push(signature(0x02014b50), u16(version), fields, centralTail(offset), encoded);
    offset += local.length + data.length;
  }
  const central = Buffer.concat(directory);
  const count = u16(contents.length);
  const end = [signature(0x06054b50), u16(0), u16(0), count, count];
  return Buffer.concat([...parts, central, ...end, u32(central.length), u32(offset), u16(0)]);
}

/** What the local header and the directory say alike (APPNOTE §4.3.7 and §4.3.12). */
function commonFields(
  bytes: Uint8Array,
  compressedBytes: number,
  { compress, name }: { compress: boolean; name: string },
): Buffer {
  return Buffer.concat([
    u16(version),
    u16(utf8Names),
    u16(compress ? 8 : 0),
    u16(0),
    u16(dosDate),
    u32(crc32(bytes)),
    u32(compressedBytes),
    u32(bytes.length),
    u16(Buffer.byteLength(name)),
    u16(0),
  ]);
}

/** No comment, first disk, no attributes, then where the local header is. */
function centralTail(offset: number): Buffer {
  return Buffer.concat([u16(0), u16(0), u16(0), u32(0), u32(offset)]);
}

function signature(value: number): Buffer {
  return u32(value);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
