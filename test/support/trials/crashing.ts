/** A trial's process that ends as a native crash does. */
import { childRequest } from '../../../agent/child-side.ts';

await childRequest();
process.abort();
