/** A trial's process that is killed the first time, as by somebody else, and then measures. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mark = join(process.env.FETTLE_TEST_FOLDER ?? '', 'killed');
if (!existsSync(mark)) {
  writeFileSync(mark, '');
  process.kill(process.pid, 'SIGKILL');
}
await import('../../../agent/tune/trial-child.ts');
