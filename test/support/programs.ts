/** Programs of the system that some tests need: Chromium, Mosquitto. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ExecutionContext } from 'ava';

const moreFolders = ['/usr/sbin', '/usr/local/sbin'];

/**
 * The program's path. Where it is absent the test says so in one line and passes, so return from
 * it; with `FETTLE_TEST_ALL` set that is a failure.
 */
export function programOrSkip(t: ExecutionContext, name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...moreFolders];
  const path = folders.map((folder) => join(folder, name)).find((one) => existsSync(one));
  return path ?? absent(t, name);
}

/** As `programOrSkip` for what is missing: says so in one line. */
export function absent(t: ExecutionContext, what: string): null {
  if (process.env.FETTLE_TEST_ALL) t.fail(`${what} is not installed, and FETTLE_TEST_ALL is set`);
  else {
    t.log(`skipped: ${what} is not installed`);
    t.pass();
  }
  return null;
}
