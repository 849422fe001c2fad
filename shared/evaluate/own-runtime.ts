/**
 * A build of the runtime that the owner of a device made, for JetPack say, instead of the installed
 * one: a folder that holds a package `onnxruntime-node`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import * as v from 'valibot';
import { FettleError, reasonOf } from '../errors.ts';

/** Read in every process and thread that opens a model, because it is inherited by all of them. */
export const runtimePathVariable = 'FETTLE_RUNTIME_PATH';

export interface OwnRuntime {
  /** The package's folder. */
  readonly folder: string;
  readonly version: string;
  /** What to load. */
  readonly entry: string;
}

/**
 * The binding tells the types of a model's values since 1.22, and nothing of its interface was
 * taken away since: js/node/src/inference_session_wrap.cc.
 */
const versions = { major: 1, minorMin: 22 } as const;

const Package = v.looseObject({ name: v.string(), version: v.string() });

/** The build that the environment names; null where it names none. Throws `RUNTIME_UNFIT`. */
export function ownRuntime(folder = process.env[runtimePathVariable]): OwnRuntime | null {
  if (!folder) return null;
  if (!isAbsolute(folder)) throw unfit(folder, 'an absolute path', 'a relative one');
  const { name, version } = readPackage(folder);
  if (name !== 'onnxruntime-node') throw unfit(folder, 'the package onnxruntime-node', name);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== versions.major || !(minor >= versions.minorMin)) {
    throw unfit(folder, `version ${versions.major}.${versions.minorMin} or newer`, version);
  }
  const target = `${process.platform}/${process.arch}`;
  const binding = ['napi-v6', 'napi-v3']
    .map((abi) => join(folder, 'bin', abi, target, 'onnxruntime_binding.node'))
    .find((file) => existsSync(file));
  if (!binding) throw unfit(folder, `bin/napi-v6/${target}/onnxruntime_binding.node`, 'none');
  return { folder, version, entry: entryOf(folder) };
}

function entryOf(folder: string): string {
  try {
    return createRequire(join(folder, 'package.json')).resolve(folder);
  } catch (thrown) {
    throw unfit(folder, 'JavaScript that was built (npm run build)', reasonOf(thrown));
  }
}

function readPackage(folder: string): v.InferOutput<typeof Package> {
  const path = join(folder, 'package.json');
  try {
    return v.parse(Package, JSON.parse(readFileSync(path, 'utf8')));
  } catch (thrown) {
    throw unfit(folder, 'a folder with the package.json of onnxruntime-node', reasonOf(thrown));
  }
}

function unfit(path: string, expected: string, got: string): FettleError {
  return new FettleError('RUNTIME_UNFIT', { path, expected, got });
}
