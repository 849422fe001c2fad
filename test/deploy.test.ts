/** What `deploy/` gives to other programs fits what the product gives them. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { agentSettings, stopSecondsMax } from '../agent/settings.ts';
import { productRoot } from '../shared/product.ts';
import { doublingModel } from './support/arithmetic.ts';
import { startTestController } from './support/controller.ts';
import { programOrSkip } from './support/programs.ts';
import { checkMetrics } from './support/promtool.ts';
import { serve } from './support/serving.ts';

const grafana = join(productRoot(), 'deploy/grafana');
const Dashboard = v.object({
  panels: v.array(v.object({ targets: v.array(v.object({ expr: v.string() })) })),
});

test('metrics are clean, and every panel of the Grafana dashboard asks for some', async (t) => {
  const { controller } = await startTestController(t);
  const { url } = await serve(t, await doublingModel(t, { dims: [1, 2] }));
  const pages = [];
  for (const base of [controller.url, url]) {
    const page = await (await fetch(`${base}/metrics`)).text();
    checkMetrics(t, page);
    pages.push(page);
  }
  const text = await readFile(join(grafana, 'fettle.json'), 'utf8');
  const { panels } = v.parse(Dashboard, JSON.parse(text));
  const names = panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(fettle|process)_\w+/g) ?? []),
  );
  t.true(names.length >= panels.length);
  for (const name of names) t.true(pages.join('').includes(`# TYPE ${name} `), name);
});

test('the service manager waits for longer than an agent may take to end', async (t) => {
  const device = join(productRoot(), 'deploy/device');
  const unit = await readFile(join(device, 'fettle-agent.service'), 'utf8');
  const unitSeconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
  const launcher = await readFile(join(device, 'launch.sh'), 'utf8');
  const more = Number(/^stop_seconds=\$\(\(stop_seconds \+ (\d+)\)\)$/m.exec(launcher)?.[1]);
  t.true(more > 0);
  t.true(unitSeconds > stopSecondsMax + more);
  t.regex(launcher, new RegExp(`FETTLE_AGENT_STOP_SECONDS:-${agentSettings({}).stopSeconds}\\}`));
});

test('Prometheus takes the configuration', (t) => {
  const promtool = programOrSkip(t, 'promtool');
  if (promtool === null) return;
  const config = join(grafana, 'prometheus.yml');
  const { status, stdout } = spawnSync(promtool, ['check', 'config', config], { encoding: 'utf8' });
  t.is(status, 0, stdout);
});
