import test from 'ava';
import { createRetained, matchesFilter } from '../../controller/retained.ts';

/** MQTT 3.1.1, section 4.7: the examples of the specification. */
const cases: readonly (readonly [string, string, boolean])[] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/#', 'sport', true],
  ['#', 'a/b/c', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/uptime', false],
  ['+/uptime', '$SYS/uptime', false],
  ['$SYS/#', '$SYS/uptime', true],
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a/b/d', false],
  ['a/b/#', 'a', false],
];

test('filters name topics as the specification says', (t) => {
  for (const [filter, topic, expected] of cases) {
    t.is(matchesFilter(filter, topic), expected, `${filter} and ${topic}`);
  }
});

test('the last message of a topic is kept, until an empty one', (t) => {
  const retained = createRetained();
  const find = (filter: string) => [...retained.find([filter])].map(({ payload }) => payload);
  retained.store({ topic: 'a/b', payload: '1' });
  retained.store({ topic: 'a/b', payload: '2' });
  retained.store({ topic: 'a/c', payload: '3' });
  t.deepEqual(find('a/b'), ['2']);
  t.deepEqual(find('a/+'), ['2', '3']);
  retained.store({ topic: 'a/b', payload: '' });
  t.deepEqual(find('a/b'), []);
  t.deepEqual(find('#'), ['3']);
});
