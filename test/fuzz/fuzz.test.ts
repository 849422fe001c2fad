// A short run of the fuzzer; `npm run fuzz` is the long one.
import { join } from 'node:path';
import test from 'ava';
import { fuzz } from './fuzz.ts';

const digits = join(import.meta.dirname, '../../examples/digits');

test('damaged models and data sets end in a typed error or a valid result', async (t) => {
  t.timeout(300_000);
  const packages = [digits];
  const report = await fuzz({ seed: 7, models: 60, sets: 30, packages, keep: null });
  t.deepEqual(report.findings, []);
  t.is(report.runs, 90);
  t.true((report.ends['compress valid'] ?? 0) < 90, 'some damage must be noticed');
});
