/** The shared real models, which lie beside the repository on some machines, never in it. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';

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

export interface SharedModel {
  /** Its path within the folder, e.g. `other/iris-mlp.onnx`. */
  readonly name: string;
  readonly path: string;
}

/** Every real model: those of the packages and those in `other`. Empty: as `sharedModelOrSkip`. */
export function sharedModelsOrSkip(t: ExecutionContext): SharedModel[] {
  return sharedModelOrSkip(t, '') === null ? [] : sharedModels();
}

/** A test of each real model; where none is there, one test that says what is skipped. */
export function testEachSharedModel(
  title: string,
  run: (t: ExecutionContext, model: SharedModel) => Promise<void>,
): void {
  const models = sharedModels();
  if (models.length === 0) test(title, (t) => void sharedModelOrSkip(t, ''));
  // One after the other: some take most of the memory.
  for (const model of models) test.serial(`${title}: ${model.name}`, (t) => run(t, model));
}

function sharedModels(): SharedModel[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx') && !name.startsWith('malformed'))
    .sort()
    .map((name) => ({ name, path: join(folder, name) }));
}
