import test from 'ava';
import { writeAnswer } from '../../../../agent/serve/inference/response.ts';

const outputs = {
  y: { type: 'float' as const, dims: [1, 3], data: new Float32Array([0.5, -Infinity, Number.NaN]) },
};
const answered = { model: 'logs', version: 1, outputs };
const asked = { id: null, inputs: {}, binary: false };

test('a number that JSON has no form of is refused with its place, and sent in binary', (t) => {
  const inJson = { ...asked, outputs: [{ name: 'y', binary: false }] };
  t.throws(() => writeAnswer(inJson, answered), {
    code: 'BAD_ARGUMENT',
    message: /output y: expected .*binary.*, got -Infinity as element 1/,
  });
  const { tail } = writeAnswer({ ...asked, outputs: [{ name: 'y', binary: true }] }, answered);
  t.is(tail[0]?.length, 12);
});
