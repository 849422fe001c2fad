/** A trial's process that says things that are no answer, and ends as if all were well. */
import { childRequest } from '../../../agent/child-side.ts';

await childRequest();
process.stdout.write('loading…\n{"measured": "all of it"}\n', () => process.exit(0));
