/** A trial's process that never answers and never ends. */
import { childRequest } from '../../../agent/child-side.ts';

await childRequest();
setInterval(() => {}, 1000);
