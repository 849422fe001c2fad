import test from 'ava';
import { createSseParser } from '../../../../controller/dashboard/api/sse.ts';

const stream =
  ': hello\nretry: 2000\n\nevent: device\ndata: {"a":1}\n\n' +
  'data: plain\n\r\nevent:x\ndata:1\ndata: 2\n\n';
const events = [
  { name: 'device', data: '{"a":1}' },
  { name: 'message', data: 'plain' },
  { name: 'x', data: '1\n2' },
];

test('events come out whole, comments and unknown fields do not', (t) => {
  t.deepEqual(createSseParser()(stream), events);
});

test('however the stream is cut, the events are the same', (t) => {
  for (let cut = 1; cut < stream.length; cut += 1) {
    const parse = createSseParser();
    t.deepEqual([...parse(stream.slice(0, cut)), ...parse(stream.slice(cut))], events, `at ${cut}`);
  }
  const parse = createSseParser();
  t.deepEqual([...stream].flatMap(parse), events, 'letter by letter');
});

test('an event without data is none', (t) => {
  t.deepEqual(createSseParser()('event: device\n\n'), []);
});

test('a line without end is given up', (t) => {
  const parse = createSseParser();
  t.throws(() => parse(`data: ${'x'.repeat(33 << 20)}`), { instanceOf: RangeError });
});
