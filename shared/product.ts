/** What this installation is: where its files lie and which version it has. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of `package.json`: the checkout, or the installed package above `dist/`. */
export function productRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return folder;
}

export function productVersion(): string {
  const description: unknown = JSON.parse(
    readFileSync(join(productRoot(), 'package.json'), 'utf8'),
  );
  const known = typeof description === 'object' && description !== null && 'version' in description;
  return known ? String(description.version) : 'unknown';
}
