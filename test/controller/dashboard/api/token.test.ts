import test from 'ava';
import { createTokenBox, readFragment } from '../../../../controller/dashboard/api/token.ts';

test('a token is taken out of the fragment', (t) => {
  t.deepEqual(readFragment('#token=abc'), { token: 'abc', fragment: '#/' });
  t.deepEqual(readFragment('#token=a%2Fb&to=/devices/x'), {
    token: 'a/b',
    fragment: '#/devices/x',
  });
});

test('another fragment stays as it is', (t) => {
  t.deepEqual(readFragment('#/devices/token=x'), { token: null, fragment: '#/devices/token=x' });
  t.deepEqual(readFragment(''), { token: null, fragment: '' });
});

test('an empty token is none, and one is sent nowhere but within the page', (t) => {
  t.is(readFragment('#token=').token, null);
  t.is(readFragment('#token=a&to=https://elsewhere').fragment, '#/');
});

test('the token is kept where the browser allows it', (t) => {
  const shelf = new Map<string, string>();
  const storage = {
    getItem: (key: string) => shelf.get(key) ?? null,
    setItem: (key: string, value: string) => void shelf.set(key, value),
    removeItem: (key: string) => void shelf.delete(key),
  };
  createTokenBox(storage).write('abc');
  t.is(createTokenBox(storage).read(), 'abc');
  createTokenBox(storage).write(null);
  t.is(createTokenBox(storage).read(), null);
  const box = createTokenBox(null);
  box.write('abc');
  t.is(box.read(), 'abc');
});
