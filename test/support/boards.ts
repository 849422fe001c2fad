/** Recorded boards: one text file each, unpacked to a folder that stands for `/`. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Path → what the file holds; one that begins with `-> ` is a symbolic link. */
export type BoardFiles = Readonly<Record<string, string>>;

export function unpackBoard(root: string, files: BoardFiles): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), file);
    else writeFileSync(file, `${text}\n`);
  }
}
