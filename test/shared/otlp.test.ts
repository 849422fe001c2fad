import test from 'ava';
import { resourceOf } from '../../shared/otlp/common.ts';
import { openExporter } from '../../shared/otlp/exporter.ts';
import { startSpan } from '../../shared/otlp/tracer.ts';
import { startCollector } from '../support/collector.ts';
import { until } from '../support/until.ts';

const parent = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  sampled: true,
};

test('spans wait for a collector that is away, up to a limit', async (t) => {
  const collector = await startCollector(t);
  collector.status = 503;
  const said: (string | null)[] = [];
  const exporter = openExporter({
    url: collector.url,
    resource: resourceOf('test', 'one'),
    metrics: () => [],
    onTrouble: (reason) => said.push(reason),
    everyMs: 20,
  });
  for (let index = 0; index < 2100; index += 1) {
    startSpan(exporter.span, { name: `span ${index}`, parent }).end();
  }
  t.is(exporter.dropped, 2100 - 2048);
  await until('the trouble', () => said.length > 0);
  collector.status = 200;
  await until('all that waited', () => collector.spans.length === 2048);
  await until('the end of it', () => said.at(-1) === null);
  t.is(said.length, 2, 'said once, and once that it is over');
  t.regex(said[0] ?? '', /answered 503/);
  await exporter.stop();
  t.deepEqual(collector.faults, []);
});

test('what a collector refuses for good is dropped and counted', async (t) => {
  const collector = await startCollector(t);
  collector.status = 400;
  const exporter = openExporter({
    url: `${collector.url}/`,
    resource: resourceOf('test', 'one'),
    metrics: () => [],
    onTrouble: () => {},
  });
  startSpan(exporter.span, { name: 'one', parent }).end();
  startSpan(exporter.span, { name: 'not kept', parent: { ...parent, sampled: false } }).end();
  await exporter.stop();
  t.is(exporter.dropped, 1);
});
