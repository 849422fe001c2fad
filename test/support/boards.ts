/** Recorded boards: one text file each in `boards/`, unpacked to a folder that stands for `/`. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parseCpuList } from '../../agent/profile/cpu-list.ts';
import { temporaryFolder } from './fettle.ts';

/** Path → what the file holds; one that begins with `-> ` is a symbolic link. */
export type BoardFiles = Readonly<Record<string, string>>;

const folder = join(import.meta.dirname, 'boards');

export const boardNames = readdirSync(folder)
  .filter((file) => file.endsWith('.board'))
  .map((file) => file.slice(0, -'.board'.length));

/** The folder that holds a board's files. */
export function board(t: ExecutionContext, name: string, more: BoardFiles = {}): string {
  const root = temporaryFolder(t);
  unpackBoard(root, { ...boardFiles(name), ...more });
  return root;
}

/**
 * `/path: one line`, `/path` with indented lines below it, `/path -> target of a link`;
 * `/cpu{0-3}/x: y` is four files; `@cores 0-3 IMPLEMENTER PART FEATURES` adds to /proc/cpuinfo.
 * `\0` and `\xNN` are bytes.
 */
export function boardFiles(name: string): BoardFiles {
  const files: Record<string, string> = {};
  let open: string | null = null;
  for (const line of readFileSync(join(folder, `${name}.board`), 'utf8').split('\n')) {
    const [, path = '', mark, text = ''] = /^(\/.*?)(?:(: | -> )(.*))?$/.exec(line) ?? [];
    if (line.startsWith('@cores ')) {
      files['/proc/cpuinfo'] = (files['/proc/cpuinfo'] ?? '') + coresOf(line.split(' '));
    } else if (open !== null && line.startsWith('  ')) {
      files[open] = `${files[open] ?? ''}${bytes(line.slice(2))}\n`;
    } else if (path !== '') {
      open = mark === undefined ? path : null;
      for (const one of expand(path)) files[one] = mark === ' -> ' ? `-> ${text}` : bytes(text);
    }
  }
  return files;
}

export function unpackBoard(root: string, files: BoardFiles): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), file);
    else writeFileSync(file, Buffer.from(`${text}\n`, 'latin1'));
  }
}

/** Linux arch/arm64/kernel/cpuinfo.c. */
function coresOf([, list = '', implementer, part, ...features]: readonly string[]): string {
  const blocks = parseCpuList(list).map((core) =>
    [
      `processor\t: ${core}`,
      'BogoMIPS\t: 108.00',
      `Features\t: ${bytes(features.join(' '))}`,
      `CPU implementer\t: ${implementer}`,
      'CPU architecture: 8',
      'CPU variant\t: 0x1',
      `CPU part\t: ${part}`,
      'CPU revision\t: 0',
    ].join('\n'),
  );
  return `${blocks.join('\n\n')}\n\n`;
}

function expand(path: string): string[] {
  const [, before, list = '', after] = /^(.*)\{([\d,-]+)\}(.*)$/.exec(path) ?? [];
  return before === undefined ? [path] : parseCpuList(list).map((n) => `${before}${n}${after}`);
}

function bytes(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|\\0/g, (_, hex) =>
    String.fromCharCode(hex === undefined ? 0 : Number.parseInt(hex, 16)),
  );
}
