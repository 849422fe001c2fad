/** Command lines as users type them. */
import test from 'ava';
import type { Command } from '../../commands/command.ts';
import { parseWords } from '../../commands/grammar.ts';
import { nearest } from '../../shared/nearest.ts';

const command: Command = {
  args: ['MODEL', '[OUT]'],
  options: [
    { flags: '--bits <n>', help: '', default: '8' },
    { flags: '--max-drop <d>', help: '' },
    { flags: '--label <name=value...>', help: '' },
    { flags: '--no-probes', help: '' },
    { flags: '--measure', help: '' },
  ],
  async run() {},
};

const good = [
  [['m'], { args: { MODEL: 'm' }, options: { bits: '8', probes: true } }],
  [['m', 'o', '--bits', '4'], { args: { MODEL: 'm', OUT: 'o' }, options: { bits: '4' } }],
  [['--max-drop=-1', 'm'], { args: { MODEL: 'm' }, options: { maxDrop: '-1' } }],
  [['m', '--label', 'a=1', '--label', 'b=2'], { options: { label: ['a=1', 'b=2'] } }],
  [['m', '--no-probes', '--measure', '--json'], { options: { probes: false, measure: true } }],
  [['--', '--odd-name'], { args: { MODEL: '--odd-name' } }],
  [['-h'], { help: true }],
] as const;

for (const [words, expected] of good) {
  test(`understands ${words.join(' ')}`, (t) => {
    t.like(parseWords(command, words), expected);
  });
}

const bad = [
  [[], 'MODEL is missing'],
  [['m', 'o', 'x'], 'unexpected x'],
  [['m', '--bit', '4'], 'unknown option --bit (did you mean --bits?)'],
  [['m', '--bits'], '--bits needs a value: --bits <n>'],
  [['m', '--bits', '--measure'], '--bits needs a value: --bits <n>'],
  [['m', '--measure=yes'], '--measure takes no value'],
] as const;

for (const [words, mistake] of bad) {
  test(`refuses ${words.join(' ')}: ${mistake}`, (t) => {
    t.deepEqual(parseWords(command, words), { mistake });
  });
}

test('a mistyped word finds the nearest one, and nonsense finds none', (t) => {
  const known = ['up', 'push', 'profile', 'rollout start'];
  t.is(nearest('profle', known), 'profile');
  t.is(nearest('rollout strat', known), 'rollout start');
  t.is(nearest('frobnicate', known), null);
  t.is(nearest('xy', known), null);
});
