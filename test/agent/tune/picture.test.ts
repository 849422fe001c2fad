import test from 'ava';
import { drawTrials, markOf } from '../../../agent/tune/picture.ts';
import { int8, quality, trial } from '../../support/trials/figures.ts';

test('faster is further left, what loses more is further down, the chosen one is marked', (t) => {
  const trials = [
    trial(),
    trial({ recipe: int8, latencyMsP50: 1, quality: quality(0.02) }),
    trial({ recipe: int8, latencyMsP50: 3, quality: quality(0.01) }),
  ];
  const marks = trials.map((_, index) => markOf(index, { front: index < 2, chosen: index === 2 }));
  t.deepEqual(marks, ['A', 'B', '*']);
  const lines = drawTrials(trials, marks, { columns: 21, rows: 5 });
  t.deepEqual(lines.slice(0, 7), [
    '  quality',
    `  │${' '.repeat(20)}A`,
    '  │',
    `  │${' '.repeat(10)}*`,
    '  │',
    '  │B',
    `  └${'─'.repeat(21)}`,
  ]);
  t.regex(lines[7] ?? '', /^ {2}1 ms .* 10 ms$/);
});

test('where nothing is lost one line says it all', (t) => {
  const trials = [trial(), trial({ recipe: int8, latencyMsP50: 1, quality: quality(-0.01) })];
  const lines = drawTrials(trials, ['A', '*'], { columns: 21, rows: 5 });
  t.deepEqual(lines.slice(1, 3), [`  │*${' '.repeat(19)}A`, `  └${'─'.repeat(21)}`]);
});

test('what failed or has no known quality is not drawn; one point is no picture', (t) => {
  const unknown = trial({ recipe: int8, quality: null });
  const failed = trial({ state: 'failed' });
  t.deepEqual(drawTrials([trial(), unknown, failed], ['a', 'b', 'c']), []);
});
