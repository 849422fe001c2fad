/**
 * A process of its own: `node runtime-probe.ts PROVIDER` prints `opened`, or `refused` and why, in
 * one line.
 */
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { FettleError, reasonOf } from '../errors.ts';
import { opens } from './providers.ts';

const reasonCharsMax = 200;

const said = await opens(argv[2] ?? 'cpu').then(
  (opened) => (opened ? 'opened' : 'refused it answered wrongly'),
  (thrown: unknown) => `refused ${why(thrown)}`,
);
writeSync(1, `\n${said}\n`);

/** What the runtime said, without the place in its sources. */
function why(thrown: unknown): string {
  const reason = thrown instanceof FettleError ? thrown.details.reason : undefined;
  const text = String(reason ?? reasonOf(thrown)).replace(/^.* was false\. /, '');
  return text.slice(0, reasonCharsMax);
}
