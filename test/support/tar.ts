/** Reads `.tar.gz` archives, as far as tests need it: plain files with names of up to 255 bytes. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const block = 512;

/** The regular files of the archive by their path in it. */
export function readTarGz(path: string): Map<string, Uint8Array> {
  const archive = gunzipSync(readFileSync(path));
  const files = new Map<string, Uint8Array>();
  let longName: string | null = null;
  for (let at = 0; at + block <= archive.length && archive[at] !== 0; ) {
    const text = (from: number, length: number) =>
      archive.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    const kind = text(156, 1);
    const content = archive.subarray(at + block, at + block + size);
    const name: string = longName ?? [text(345, 155), text(0, 100)].filter(Boolean).join('/');
    // GNU tar gives a name of more than 100 bytes as the content of an entry before the file.
    longName = kind === 'L' ? content.toString('utf8').replace(/\0.*$/s, '') : null;
    if (kind === '0' || kind === '') files.set(name, new Uint8Array(content));
    at += block + Math.ceil(size / block) * block;
  }
  return files;
}
