import test from 'ava';
import { hasTerm, parseFilter, toggleTerm } from '../../../../controller/dashboard/fleet/filter.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(400);
const names = (filter: string) => fleet.filter(parseFilter(filter)).map((one) => one.device);
const count = (filter: string) => names(filter).length;

test('nothing accepts everything', (t) => {
  t.is(count(''), fleet.length);
  t.is(count('  , '), fleet.length);
});

test('a word is looked for in names, labels and facts, whatever its case', (t) => {
  t.deepEqual(names('device=yard-cam-3'), ['yard-cam-3']);
  t.true(names('YARD-cam-3').includes('yard-cam-3'));
  t.true(names('roof').every((name) => name.startsWith('roof')));
  t.true(count('raspberry') > 0);
});

test('requirements over labels', (t) => {
  const hall = count('zone=hall-1');
  t.is(hall, 100);
  t.is(count('zone!=hall-1'), fleet.length - hall);
  t.is(count('zone in (hall-1, hall-2)'), 200);
  t.is(count('zone notin (hall-1,hall-2)'), 200);
  t.is(count('!zone'), 0);
  t.is(count('!room'), fleet.length);
});

test('requirements over facts', (t) => {
  t.true(count('state=failed') > 0);
  t.is(
    count('state=failed'),
    fleet.filter((one) => one.online && one.reported?.state === 'failed').length,
  );
  t.is(count('model=digits variant=int8'), count('variant=int8'));
  t.true(count('class=arm64-i8mm-4c-8g-91c0') > 0);
});

test('all terms must hold', (t) => {
  t.is(count('zone=roof, zone=yard'), 0);
  t.deepEqual(
    names('zone=roof serving'),
    names('zone=roof').filter((name) => names('serving').includes(name)),
  );
});

test('a name of the object prototype is no fact', (t) => {
  t.is(count('constructor=x'), 0);
  t.is(count('!toString'), fleet.length);
});

test('half-written filters match what they can and throw nothing', (t) => {
  for (const text of ['=', '!', 'zone=', 'zone in (', 'zone in ()', '((', '"', 'a="b']) {
    t.notThrows(() => names(text), text);
  }
});

test('a term is added and taken out again', (t) => {
  const with1 = toggleTerm('roof', 'state', 'failed');
  t.is(with1, 'roof state=failed');
  t.true(hasTerm(with1, 'state', 'failed'));
  t.is(toggleTerm(with1, 'state', 'failed'), 'roof');
  const quoted = toggleTerm('', 'class', 'my board');
  t.is(quoted, 'class="my board"');
  t.true(hasTerm(quoted, 'class', 'my board'));
  t.is(toggleTerm(quoted, 'class', 'my board'), '');
});
