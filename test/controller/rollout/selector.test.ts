import test from 'ava';
import { parseSelector } from '../../../controller/rollout/selector.ts';
import { FettleError } from '../../../shared/errors.ts';

const labels = { hall: 'two, "north"', room: 'lab', tier: 'edge', 'app.kind': 'vision', empty: '' };
const facts = { arch: 'arm64', cores: '4' };

/** From the Kubernetes documentation, "Labels and Selectors", and what follows from it. */
const cases: readonly (readonly [string, boolean])[] = [
  ['', true],
  ['  ', true],
  ['room=lab', true],
  ['room==lab', true],
  ['room = lab', true],
  ['room=office', false],
  ['room!=lab', false],
  ['room!=office', true],
  ['missing!=anything', true],
  ['missing=anything', false],
  ['room in (lab,office)', true],
  ['room in ( lab , office )', true],
  ['room in (office)', false],
  ['missing in (lab)', false],
  ['room notin (office)', true],
  ['room notin (lab,office)', false],
  ['missing notin (lab)', true],
  ['room', true],
  ['missing', false],
  ['!missing', true],
  ['! missing', true],
  ['!room', false],
  ['room=lab,tier=edge', true],
  ['room=lab,tier=cloud', false],
  ['room in (lab),!missing,tier notin (cloud)', true],
  ['app.kind=vision', true],
  ['empty=', true],
  ['empty', true],
  ['room=', false],
  ['empty in ()', true],
  ['fact/arch=arm64', true],
  ['fact/arch in (x64,arm64),fact/cores=4', true],
  ['arch=arm64', false],
  ['fact/room=lab', false],
  ['!fact/gpu', true],
  ['hall="two, \\"north\\""', true],
  ['hall in ("two", "lab"),room', false],
  ['room="lab"', true],
  ['empty=""', true],
  ['in', false],
  ['in=a', false],
  ['notin in (a)', false],
  ['constructor', false],
  ['!toString', true],
];

for (const [text, expected] of cases) {
  test(`"${text}" is ${expected}`, (t) => {
    t.is(
      parseSelector(text)(labels, () => facts),
      expected,
    );
  });
}

const wrong: readonly (readonly [string, RegExp])[] = [
  ['room=lab,', /expected a key or !, got the end at position 10/],
  [',room', /expected a key or !, got , at position 1/],
  ['room lab', /expected =, ==, .* got lab at position 6/],
  ['room in lab', /expected \(, got lab at position 9/],
  ['room in (lab', /expected a comma or \), got the end at position 13/],
  ['room=lab tier=edge', /expected a comma or the end, got tier at position 10/],
  ['!', /expected a key, got the end at position 2/],
  ['room=(lab)', /got \( at position 6/],
  ['room=lab;rm', /got ; at position 9/],
  ['a'.repeat(5000), /expected at most 4096 characters/],
];

for (const [text, message] of wrong) {
  test(`"${text.slice(0, 30)}" is refused with its position`, (t) => {
    const error = t.throws(() => parseSelector(text), { instanceOf: FettleError, message });
    t.is(error?.code, 'BAD_ARGUMENT');
  });
}
