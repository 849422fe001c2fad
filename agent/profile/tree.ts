/** Reads the small text files of /proc, /sys and /etc, below a folder that stands for `/`. */
import { constants } from 'node:fs';
import { access, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../shared/errors.ts';

export interface Missing {
  readonly what: string;
  readonly reason: string;
}

export interface Tree {
  /** The file's text without NULs and outer white space; null where it cannot be read. */
  text(path: string): Promise<string | null>;
  /** The first line, printable, at most 128 characters; null where there is none. */
  label(path: string): Promise<string | null>;
  /** The number in the file; null where there is none. */
  number(path: string): Promise<number | null>;
  /** The names in a folder, sorted; none where it cannot be read. */
  names(folder: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Why a file cannot be read: `absent`, `permission denied`, …; null where it can be. */
  trouble(path: string): Promise<string | null>;
  /** What a symbolic link points to; null where it is none. */
  link(path: string): Promise<string | null>;
  /** Notes a fact that could not be read. */
  miss(what: string, reason: string): void;
  readonly missing: readonly Missing[];
  /** Whether it is this machine and not a recorded one. */
  readonly live: boolean;
}

/**
 * A file of /proc or /sys beyond this is not what it should be: /proc/cpuinfo of 256 cores is 400
 * KB.
 */
const fileBytesMax = 1 << 20;
/** Names of one folder that are looked at. */
const namesMax = 1024;
/** Facts that are said to be missing. */
const missingMax = 128;
/** Some sensors answer over a slow bus, and a broken one not at all. */
const readTimeoutMs = 2000;

export function openTree(root = '/'): Tree {
  const missing: Missing[] = [];
  const text = (path: string) => within(readSome(join(root, path)).catch(() => null));
  return {
    live: root === '/',
    missing,
    text,
    async label(path) {
      return printable((await text(path)) ?? '') || null;
    },
    async number(path) {
      const found = /^-?\d+(\.\d+)?/.exec((await text(path)) ?? '');
      return found ? Number(found[0]) : null;
    },
    async names(folder) {
      const names = await within(readdir(join(root, folder)).catch(() => null));
      return (names ?? []).sort(byNumber).slice(0, namesMax);
    },
    exists: async (path) => (await within(access(join(root, path)).then(yes, no))) === true,
    async trouble(path) {
      const said = await within(readSome(join(root, path)).then(() => '', troubleOf));
      return said === '' ? null : (said ?? `no answer within ${readTimeoutMs} ms`);
    },
    link: (path) => within(readlink(join(root, path)).catch(() => null)),
    miss(what, reason) {
      const known = missing.some((one) => one.what === what);
      if (!known && missing.length < missingMax) missing.push({ what, reason });
    },
  };
}

/** What names a thing; empty where it has control characters, which no name has. */
export function printable(text: string): string {
  const line = (text.split('\n', 1)[0] ?? '').replaceAll('\t', ' ').trim();
  if (/\p{Cc}/u.test(line)) return '';
  return line
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, 128);
}

const yes = () => true;
const no = () => false;

function troubleOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
  return code === 'EACCES' || code === 'EPERM' ? 'permission denied' : reasonOf(thrown);
}

async function readSome(path: string): Promise<string> {
  // A pipe that nobody writes to would hold the thread that opens it for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // The size that /proc and /sys state is 0 or a page: read until nothing more comes.
    const buffer = Buffer.alloc(4096);
    const chunks: Buffer[] = [];
    const end = performance.now() + readTimeoutMs;
    for (let total = 0; total < fileBytesMax && performance.now() < end; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      chunks.push(Buffer.from(buffer.subarray(0, bytesRead)));
      total += bytesRead;
    }
    return Buffer.concat(chunks).toString('utf8').replaceAll('\0', ' ').trim();
  } finally {
    await file.close();
  }
}

async function within<T>(work: Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  // A busy process finds timer and answer due at once: the answer then goes first.
  const timer = setTimeout(() => setImmediate(resolve, null), readTimeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** cpu2 before cpu10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
