/** Debian's `prometheus` package as the judge of metrics pages. */
import { spawnSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { programOrSkip } from './programs.ts';

/** Fails the test where `promtool` finds anything wrong or unusual with the page. */
export function checkMetrics(t: ExecutionContext, page: string): void {
  const promtool = programOrSkip(t, 'promtool');
  if (promtool === null) return;
  const { stderr, stdout } = spawnSync(promtool, ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
    timeout: 20_000,
  });
  t.is(`${stdout}${stderr}`, '');
}
