import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { buildVariant } from '../../../../shared/compress/build.ts';
import { compressPackage } from '../../../../shared/compress/package.ts';
import { MeasureRecord } from '../../../../shared/compress/record.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import { FettleError } from '../../../../shared/errors.ts';
import { loadPackage } from '../../../../shared/evaluate/package.ts';

const digits = join(import.meta.dirname, '../../../../examples/digits');

test('half of the example: still good, and the record alone builds it again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-prune-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const { manifest, modelPath, calibrationPath, evaluationPath } = await loadPackage(digits);
  const recipe = { v: 1, bits: 8, keep: 0.5 } as const;
  const seen = new Set<string>();
  const made = await compressPackage({
    ...{ modelPath, manifest, calibrationPath, evaluationPath, recipe, folder },
    signal: AbortSignal.timeout(590_000),
    onProgress: ({ what }) => seen.add(what),
  });
  t.true(seen.has('judging channels') && seen.has('fitting layers again'));
  const halved = made.layers.filter(({ channels }) => channels);
  t.true(halved.length > 0, 'some layer lost channels');
  const [kept, of] = halved.reduce(
    ([a, b], { channels }) => [a + (channels?.kept ?? 0), b + (channels?.of ?? 0)],
    [0, 0],
  );
  t.true(kept / of < 0.75, `${kept} of ${of}`);
  t.true((made.quality?.drop ?? 1) < 0.1, `${made.quality?.drop} lost`);
  // As it is stored and sent.
  const record = v.parse(MeasureRecord, JSON.parse(JSON.stringify(made.record)));
  const { bytes } = await loadSource(modelPath);
  t.is(buildVariant(bytes, recipe, record).digest, made.digest);
  const error = t.throws(() => buildVariant(bytes, recipe, { ...record, prune: undefined }), {
    instanceOf: FettleError,
  });
  t.is(error?.code, 'VARIANT_FAILED');
});
