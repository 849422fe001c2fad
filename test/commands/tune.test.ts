import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { digestOf } from '../../shared/digest.ts';
import { productRoot } from '../../shared/product.ts';
import { Profile } from '../../shared/protocol/profile.ts';
import { Tuning } from '../../shared/protocol/tuning.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';

const digits = join(productRoot(), 'examples/digits');

test('a package is tuned: JSON on standard output, the chosen variant as a file', async (t) => {
  const home = temporaryFolder(t);
  const out = join(home, 'chosen.onnx');
  const args = ['tune', digits, '--budget-seconds', '25', '--out', out, '--json'];
  const { code, stdout, stderr } = await fettle(args, { home });
  t.is(code, 0, stderr);
  const tuning = v.parse(Tuning, JSON.parse(stdout));
  if (!tuning.chosen) return t.fail(tuning.reason);
  t.is(tuning.baseline?.recipeName, 'source');
  t.is(digestOf(readFileSync(out)), tuning.chosen.variant);
  t.true((tuning.chosen.quality?.drop ?? 0) <= 0.01);
});

test('for people: a table of the trials, the picture, the reason', async (t) => {
  const home = temporaryFolder(t);
  const args = ['tune', digits, '--budget-seconds', '8', '--objective', 'bytes', '--cores', '1'];
  const { code, stdout, stderr } = await fettle(args, { home });
  t.is(code, 0, stderr);
  t.regex(stdout, /variant +plan +p50 ms/);
  t.regex(stdout, /source +1 thread/);
});

const refused: [string[], RegExp][] = [
  [['tune', 'nowhere'], /nowhere: no such file/],
  [['tune', digits, '--budget-seconds', 'soon'], /--budget-seconds: expected a number above 0/],
  [['tune', digits, '--objective', 'joy'], /--objective: expected latency, throughput/],
  [['profile', '--cores', '-1'], /--cores: expected a number above 0, got -1/],
];
for (const [args, reason] of refused) {
  test(`${args.slice(0, 1)} ${args.slice(-2).join(' ')} is refused in one line`, async (t) => {
    const { code, stdout, stderr } = await fettle(args, { home: temporaryFolder(t) });
    t.not(code, 0);
    t.is(stdout, '');
    t.regex(stderr, reason);
  });
}

test('this machine as a device', async (t) => {
  const { code, stdout } = await fettle(['profile', '--json'], { home: temporaryFolder(t) });
  t.is(code, 0);
  const profile = v.parse(Profile, JSON.parse(stdout));
  t.true(profile.processor.cores >= 1);
  t.regex(profile.hardwareClass, /^\w+-\w+-[\d.]+c-\d+[mg]-[0-9a-f]{4}$/);
});
