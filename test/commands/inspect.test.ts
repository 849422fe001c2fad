import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { writeModel } from '../../shared/onnx/write.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from '../support/graphs.ts';

const model = modelOf(
  graphOf({
    nodes: [
      nodeOf('Gemm', { inputs: ['x', 'w'], outputs: ['a'] }),
      nodeOf('HardSwish', { inputs: ['a'], outputs: ['y'] }),
    ],
    inputs: [valueNamed('x', ['N', 4])],
    outputs: ['y'],
    initializers: { w: zeros([4, 5]) },
  }),
);

test('people read a summary, programs get all of it', async (t) => {
  const home = temporaryFolder(t);
  const path = join(home, 'model.onnx');
  writeFileSync(path, writeModel(model));
  const [people, program] = await Promise.all([
    fettle(['inspect', path], { home }),
    fettle(['inspect', path, '--json'], { home }),
  ]);
  t.is(people.code, 0, people.stderr);
  t.regex(people.stdout, /input +x {2}float \[N, 4\]/);
  t.regex(people.stdout, /1 of 2 nodes can run in 8 bits; not:\n {2}1 {2}HardSwish y/);
  const result: unknown = JSON.parse(program.stdout);
  t.like(result, {
    opset: 17,
    parameters: 20,
    operators: { Gemm: 1, HardSwish: 1 },
    inputs: [{ name: 'x', type: 'float', dims: ['N', 4] }],
  });
});

test('a file that is no model gets one line and a non-zero exit', async (t) => {
  const home = temporaryFolder(t);
  const path = join(home, 'model.onnx');
  writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
  const { code, stdout, stderr } = await fettle(['inspect', path], { home });
  t.not(code, 0);
  t.is(stdout, '');
  t.regex(stderr, /Git LFS pointer, fetch the real file/);
});
