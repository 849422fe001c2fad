import test from 'ava';
import { type Timed, worthOf } from '../../../shared/compress/worth.ts';

const slow: Timed = {
  ...{ sourceMs: 10, variantMs: 12, floatMs: 10, smaller: false },
  quality: { drop: 0.005 },
};

test('what is slower and worse is not taken: float is, or the source', (t) => {
  t.is(worthOf(slow).take, 'float');
  t.is(worthOf({ ...slow, quality: null }).take, 'float');
  t.is(worthOf({ ...slow, floatMs: 11 }).take, 'source');
  t.regex(worthOf({ ...slow, floatMs: 11 }).reason, /0\.83 times the source's speed/);
});

test('what is faster, as good, or smaller as asked for is taken', (t) => {
  t.is(worthOf({ ...slow, variantMs: 9 }).take, 'variant');
  t.is(worthOf({ ...slow, variantMs: 10.1 }).take, 'variant');
  t.is(worthOf({ ...slow, quality: { drop: 0 } }).take, 'variant');
  t.is(worthOf({ ...slow, smaller: true }).take, 'variant');
  t.regex(worthOf({ ...slow, smaller: true }).reason, /fewer bytes, as was asked for/);
});
