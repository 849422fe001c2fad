/**
 * A package: a folder with `fettle.json`, the model and its data. A bare model is one too, with
 * less in it.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { FettleError, reasonOf } from '../errors.ts';
import { sentenceOf } from '../issues.ts';
import { isName } from '../protocol/topics.ts';
import { Manifest } from './manifest.ts';

export interface Package {
  readonly manifest: Manifest;
  /** null for a bare model. */
  readonly manifestPath: string | null;
  /** Paths are absolute. */
  readonly modelPath: string;
  readonly calibrationPath: string | null;
  readonly evaluationPath: string | null;
  /** What the package lacks and what follows from it, one sentence each. */
  readonly notes: readonly string[];
}

export const manifestName = 'fettle.json';
const manifestBytesMax = 1 << 20;

/**
 * Loads a package by its folder, its manifest or a bare `.onnx` file. Paths in the manifest are
 * relative to it and may lead out of its folder. Throws `FILE_MISSING` or `PACKAGE_INVALID`.
 */
export async function loadPackage(path: string): Promise<Package> {
  const full = resolve(path);
  const found = await stat(full).catch(() => null);
  if (found === null) throw new FettleError('FILE_MISSING', { path });
  if (found.isDirectory()) return loadManifest(join(full, manifestName));
  return full.endsWith('.onnx') ? barePackage(full) : loadManifest(full);
}

/**
 * The package a model file belongs to: the one that `manifestPath` names, or the `fettle.json`
 * beside the model, or none. `modelPath` of the result is the file asked for, not the manifest's; a
 * folder asks for the model of its manifest.
 */
export async function packageOfModel(modelPath: string, manifestPath?: string): Promise<Package> {
  const full = resolve(modelPath);
  const found = await stat(full).catch(() => null);
  if (found?.isDirectory()) return loadManifest(join(full, manifestName));
  if (!found?.isFile()) throw new FettleError('FILE_MISSING', { path: modelPath });
  const beside = join(dirname(full), manifestName);
  const known = manifestPath ?? ((await isFile(beside)) ? beside : null);
  if (known === null) return barePackage(full);
  return { ...(await loadPackage(known)), modelPath: full };
}

/** The model file of a package's folder; what is no folder is the file itself. */
export async function modelFileOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() ? (await loadPackage(path)).modelPath : path;
}

async function loadManifest(manifestPath: string): Promise<Package> {
  const manifest = await readManifest(manifestPath);
  const folder = dirname(manifestPath);
  const locate = async (member: 'model' | 'calibration' | 'evaluation') => {
    const path = manifest[member];
    if (path === undefined) return null;
    const full = resolve(folder, path);
    if (await isFile(full)) return full;
    throw invalid(manifestPath, `${member} ${path}: no such file`);
  };
  const modelPath = await locate('model');
  if (modelPath === null) throw invalid(manifestPath, 'it names no model');
  const calibrationPath = await locate('calibration');
  const evaluationPath = await locate('evaluation');
  if (calibrationPath !== null && calibrationPath === evaluationPath) {
    throw invalid(
      manifestPath,
      'calibration and evaluation are the same file; they must not share samples',
    );
  }
  const notes = notesOf(manifest);
  return { manifest, manifestPath, modelPath, calibrationPath, evaluationPath, notes };
}

async function readManifest(path: string): Promise<Manifest> {
  const document = await readJson(path);
  const result = v.safeParse(Manifest, document);
  if (result.success) return result.output;
  throw invalid(path, sentenceOf(Manifest, result.issues, 'it'));
}

async function readJson(path: string): Promise<unknown> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) {
    throw invalid(dirname(path), `expected a package folder with a ${manifestName}, found none`);
  }
  if (found.size > manifestBytesMax) {
    throw new FettleError('TOO_LARGE', { what: path, got: found.size, limit: manifestBytesMax });
  }
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    throw invalid(path, `not JSON: ${reasonOf(thrown)}`);
  }
}

/** A model without a manifest, named after its file. */
function barePackage(modelPath: string): Package {
  const manifest: Manifest = { name: nameOf(modelPath), model: basename(modelPath) };
  const bare = { manifestPath: null, calibrationPath: null, evaluationPath: null };
  return { manifest, modelPath, ...bare, notes: notesOf(manifest) };
}

function nameOf(modelPath: string): string {
  const name = basename(modelPath, '.onnx')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+|[-_]+$/g, '')
    .slice(0, 64);
  return isName(name) ? name : 'model';
}

function notesOf(manifest: Manifest): string[] {
  const notes: string[] = [];
  if (manifest.calibration === undefined) {
    notes.push('No calibration data: only weights can be compressed, activations stay float.');
  }
  if (manifest.evaluation === undefined) {
    notes.push('No evaluation data: quality is not measured and maxDrop cannot be held.');
  }
  return notes;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

function invalid(path: string, reason: string): FettleError {
  return new FettleError('PACKAGE_INVALID', { path, reason });
}
