/** The shared real models, which lie beside the repository on some machines, never in it. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';

const folder = resolve(import.meta.dirname, '../../../shared/models');

/** The absolute path of a file or folder, e.g. `squeezenet/model.onnx`; null where it is absent. */
export function sharedModel(name: string): string | null {
  const path = join(folder, name);
  return existsSync(path) ? path : null;
}

/** As `sharedModel`; where it is absent the test says so in one line and passes: return from it. */
export function sharedModelOrSkip(t: ExecutionContext, name: string): string | null {
  const path = sharedModel(name);
  if (path === null) {
    t.log(`skipped: ../shared/models/${name} is not on this machine`);
    t.pass();
  }
  return path;
}

/** Every real model: those of the packages and those in `other`; empty where none is there. */
export function sharedModels(): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx') && !name.startsWith('malformed'))
    .sort();
}
