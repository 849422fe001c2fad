/** A process of its own: `node runtime-probe.ts PROVIDER` says whether that provider opens. */
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { opensMark } from './identity-model.ts';
import { opens } from './runtime.ts';

if (await opens(argv[2] ?? 'cpu')) writeSync(1, opensMark);
