/** The shared real models and data, which lie beside the repository on some machines and are never part of it. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';

const folder = resolve(import.meta.dirname, '../../../shared/models');

/** The absolute path of a shared file or folder, e.g. `squeezenet/model.onnx`; null where it is absent. */
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
