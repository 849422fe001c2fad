import test from 'ava';
import * as v from 'valibot';
import { candidatesFor } from '../../../controller/rollout/candidates.ts';
import { digestOf } from '../../../shared/digest.ts';
import { Manifest } from '../../../shared/evaluate/manifest.ts';

const base = { name: 'm', model: 'model.onnx' };
const pruned = { v: 1, bits: 8, keep: { '/conv': 0.5 }, blocks: ['/add'] } as const;

test("a package's own recipes are tried after the usual ones, each once", (t) => {
  const manifest = v.parse(Manifest, { ...base, recipes: [pruned, { v: 1, bits: 8 }] });
  const offered = candidatesFor({ calibration: digestOf('x'), manifest }, null);
  t.deepEqual(offered.at(-1), pruned);
  t.is(offered.filter(({ bits, target }) => bits === 8 && target === undefined).length, 2);
  const plain = candidatesFor({ calibration: digestOf('x'), manifest: base }, null);
  t.deepEqual(offered.slice(0, -1), plain);
});

test('a package with a recipe that is none, or too many, is refused', (t) => {
  t.false(v.is(Manifest, { ...base, recipes: [{ v: 1, bits: 7 }] }));
  t.false(v.is(Manifest, { ...base, recipes: Array(17).fill(pruned) }));
});
