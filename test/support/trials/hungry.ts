/** A trial's process that takes ever more memory: 16 MiB at a time, every page touched. */
import { childRequest } from '../../../agent/child-side.ts';

await childRequest();
const taken: Buffer[] = [];
setInterval(() => taken.push(Buffer.alloc(16 << 20, 1)), 5);
