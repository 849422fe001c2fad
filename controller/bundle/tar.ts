/**
 * Writes tar archives whose bytes depend on names, modes and contents alone: POSIX.1-1988 "ustar",
 * without an owner, a user or a time.
 */
import { createReadStream } from 'node:fs';
import { FettleError } from '../../shared/errors.ts';

export interface TarFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly executable: boolean;
  readonly bytes: number;
  /** What it holds, or the file that does. */
  readonly content: Buffer | { readonly file: string };
}

const block = 512;

export async function* tarOf(files: readonly TarFile[]): AsyncGenerator<Buffer> {
  for (const file of files) {
    yield headerOf(file);
    yield* contentOf(file);
    yield Buffer.alloc(-file.bytes & (block - 1));
  }
  yield Buffer.alloc(2 * block);
}

async function* contentOf({ path, bytes, content }: TarFile): AsyncGenerator<Buffer> {
  let seen = 0;
  const chunks = 'file' in content ? createReadStream(content.file) : [content];
  for await (const chunk of chunks) {
    seen += chunk.length;
    yield chunk;
  }
  if (seen === bytes) return;
  const reason = `changed while it was packed: ${seen} bytes, ${bytes} expected`;
  throw new FettleError('FILE_UNREADABLE', { path, reason });
}

/** The fields and their places are those of pax(1), "ustar Interchange Format". */
function headerOf({ path, executable, bytes }: TarFile): Buffer {
  const header = Buffer.alloc(block);
  const [prefix, name] = splitName(path);
  header.write(name, 0);
  header.write(executable ? '0000755' : '0000644', 100);
  header.write('0000000', 108);
  header.write('0000000', 116);
  header.write(bytes.toString(8).padStart(11, '0'), 124);
  header.write('0'.repeat(11), 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A name of up to 100 bytes, after a prefix of up to 155 that ends before a slash. */
function splitName(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, name];
  }
  throw new FettleError('FILE_UNREADABLE', { path, reason: 'its name is too long for an archive' });
}
