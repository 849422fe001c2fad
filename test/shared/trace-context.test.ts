import test from 'ava';
import { childOf, parseTraceparent, traceparentOf } from '../../shared/trace-context.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

test('a traceparent is read and written as it came', (t) => {
  const text = `00-${trace}-${span}-01`;
  const context = parseTraceparent(text);
  t.deepEqual(context, { traceId: trace, spanId: span, sampled: true });
  t.is(context && traceparentOf(context), text);
  t.is(parseTraceparent(`00-${trace}-${span}-00`)?.sampled, false);
  // Other flags say nothing of this, and a later version may go on.
  t.is(parseTraceparent(`00-${trace}-${span}-03`)?.sampled, true);
  t.is(parseTraceparent(`01-${trace}-${span}-01-more`)?.traceId, trace);
});

for (const [what, text] of [
  ['nothing', undefined],
  ['version ff', `ff-${trace}-${span}-01`],
  ['more after version 00', `00-${trace}-${span}-01-more`],
  ['capitals', `00-${trace.toUpperCase()}-${span}-01`],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${span}-01`],
  ['a span of zeros', `00-${trace}-${'0'.repeat(16)}-01`],
  ['too short', `00-${trace.slice(1)}-${span}-01`],
  ['two of them', [`00-${trace}-${span}-01`]],
] as const) {
  test(`ignored: ${what}`, (t) => {
    t.is(parseTraceparent(text), null);
  });
}

test('a child is another span of the same trace', (t) => {
  const parent = { traceId: trace, spanId: span, sampled: true };
  const child = childOf(parent);
  t.like(child, { traceId: trace, sampled: true });
  t.not(child.spanId, span);
  t.truthy(parseTraceparent(traceparentOf(child)));
});
