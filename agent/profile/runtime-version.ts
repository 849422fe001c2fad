/** The version of the installed runtime, without loading it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { ownRuntime } from '../../shared/evaluate/own-runtime.ts';

const Package = v.looseObject({ name: v.string(), version: v.string() });

/** The version of the owner's build or of the installed package; null where neither is there. */
export async function readRuntimeVersion(): Promise<string | null> {
  try {
    const own = ownRuntime();
    if (own !== null) return own.version;
    const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
    return await versionOf(dirname(entry), 'onnxruntime-node');
  } catch {
    return null;
  }
}

/** The version in the nearest package.json of that name, in this folder or above. */
async function versionOf(folder: string, name: string): Promise<string | null> {
  for (let at = folder; ; at = dirname(at)) {
    const text = await readFile(join(at, 'package.json'), 'utf8').catch(() => 'null');
    const parsed = v.safeParse(Package, JSON.parse(text));
    if (parsed.success && parsed.output.name === name) return parsed.output.version;
    if (dirname(at) === at) return null;
  }
}
