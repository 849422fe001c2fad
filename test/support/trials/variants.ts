/** The digits example as a variant source: the real source model, and what it was compressed to. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { localVariantSource } from '../../../shared/compress/local-source.ts';
import { digestOfFile } from '../../../shared/digest.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { productRoot } from '../../../shared/product.ts';
import type { ModelGoal } from '../../../shared/protocol/messages.ts';
import type { VariantSource } from '../../../shared/variants.ts';

const digits = join(productRoot(), 'examples/digits');

export interface CountingSource extends VariantSource {
  /** Names of the recipes that were asked for, in order. */
  readonly asked: string[];
}

/** Variants are kept in one folder for all tests of a file. */
export async function digitsSource(t: Pick<ExecutionContext, 'teardown'>): Promise<VariantSource> {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-variants-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return localVariantSource({ package: await loadPackage(digits), folder });
}

export async function digitsGoal(change: Partial<ModelGoal> = {}): Promise<ModelGoal> {
  const modelPath = join(digits, 'model.onnx');
  return {
    ...{ name: 'digits', version: 1, inputs: [], outputs: [], sourceQuality: null },
    digest: await digestOfFile(modelPath),
    bytes: statSync(modelPath).size,
    ...{ maxDrop: 0.01, objective: 'latency', limits: {} },
    candidates: [
      { v: 1, source: true, bits: 32 },
      { v: 1, bits: 8 },
    ],
    ...change,
  };
}
