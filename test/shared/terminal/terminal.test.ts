/** Text for terminals: bars, sparklines, columns, units, and a block that is redrawn in place. */
import test from 'ava';
import { formatAmount, formatBar, formatSparkline } from '../../../shared/terminal/bar.ts';
import { createScreen } from '../../../shared/terminal/screen.ts';
import { createStyle } from '../../../shared/terminal/style.ts';
import { displayWidth, fit, formatTable, wrap } from '../../../shared/terminal/table.ts';
import { formatBytes, formatMs, formatNumber } from '../../../shared/terminal/units.ts';

test('a bar is as wide as asked and fills in eighths of a cell', (t) => {
  t.is(formatBar(0, 4), '····');
  t.is(formatBar(0.5, 4), '██··');
  t.is(formatBar(0.53125, 4), '██▏·');
  t.is(formatBar(1, 4), '████');
  for (const share of [-1, 2, Number.NaN]) t.is(displayWidth(formatBar(share, 4)), 4);
});

test('a sparkline scales to its largest value', (t) => {
  t.is(formatSparkline([0, 4, 8]), '▁▄█');
  t.is(formatSparkline([0, 0]), '▁▁');
  t.is(formatSparkline([]), '');
});

test('amounts have their unit', (t) => {
  t.is(formatAmount({ done: 3, total: 12, unit: 'trials' }), '3 of 12 trials');
  t.is(formatAmount({ done: 1536, total: 4 << 20, unit: 'bytes' }), '1.5 KiB of 4 MiB');
  t.is(formatAmount({ done: 3, total: 0, unit: 'layers' }), '3 layers');
});

test('quantities are short', (t) => {
  t.deepEqual([0, 1023, 1024, 2806189].map(formatBytes), ['0 B', '1023 B', '1 KiB', '2.68 MiB']);
  t.deepEqual([0.4213, 38.25, 1500, 200_000].map(formatMs), [
    '0.421 ms',
    '38.3 ms',
    '1.5 s',
    '3 min 20 s',
  ]);
  t.is(formatNumber(Number.NaN), '–');
});

test('columns line up, with colours and without', (t) => {
  const { green } = createStyle(true);
  const rows = [
    ['a', green('on'), '1'],
    ['long', 'off', '100'],
  ];
  const lines = formatTable(rows, { right: [2] });
  t.deepEqual(lines.map(displayWidth), [14, 14]);
  t.is(createStyle(false).green('on'), 'on');
});

test('long lines are cut, not wrapped', (t) => {
  t.is(fit('abcdef', 4), 'abc…');
  t.is(fit('abcd', 4), 'abcd');
});

test('a line that is cut keeps its colours, and ends them', (t) => {
  const { red, green } = createStyle(true);
  const cut = fit(`${red('one')} ${green('two')}`, 6);
  t.is(displayWidth(cut), 6);
  t.true(cut.startsWith(`${red('one')} `));
  t.is(cut.slice(-2), '\u001b[m'.slice(-2));
  t.false(fit('plain text', 5).includes('\u001b'));
});

test('text is broken between words, and loses none', (t) => {
  const text = 'one two three fourteen five';
  t.deepEqual(wrap(text, 9), ['one two', 'three', 'fourteen', 'five']);
  t.is(wrap(text, 5).join(' '), text);
  t.deepEqual(wrap('', 5), ['']);
});

test('a redrawn block moves up over its own lines, and the log stays above it', (t) => {
  const written: string[] = [];
  const screen = createScreen({
    columns: 20,
    write: (text) => {
      written.push(text);
      return true;
    },
  });
  screen.draw(['one', 'two']);
  screen.log('said');
  screen.draw(['three']);
  screen.close();
  const [first, log, second, last] = written;
  t.true(first?.endsWith('one\ntwo\n'));
  t.is(log, '\u001b[2A\r\u001b[0Jsaid\none\ntwo\n');
  t.true(second?.endsWith('\u001b[2A\r\u001b[0Jthree\n'));
  t.is(last, '\u001b[?25h');
});
