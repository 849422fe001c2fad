import test from 'ava';
import { parseCpuList } from '../../../agent/profile/cpu-list.ts';

const lists: [string, number[]][] = [
  ['0', [0]],
  ['0-3', [0, 1, 2, 3]],
  ['0-1,4,6-7\n', [0, 1, 4, 6, 7]],
  ['', []],
  ['3-1', []],
  ['0-99999999', []],
  ['all', []],
];
for (const [text, cores] of lists) {
  test(`the list ${JSON.stringify(text)} names ${cores.length} cores`, (t) => {
    t.deepEqual(parseCpuList(text), cores);
  });
}
