/**
 * A process of its own: loads the model given as JSON, runs it a few times, says its peak memory.
 */
import { argv } from 'node:process';
import * as v from 'valibot';
import { FettleError, reasonOf } from '../errors.ts';
import { namedRecord } from '../named-record.ts';
import { ownPeakMiB } from '../process-memory.ts';
import { benchFeeds } from './bench.ts';
import { InputPreparation } from './manifest.ts';
import { openSession } from './runtime.ts';

const Model = v.object({
  modelPath: v.string(),
  threads: v.number(),
  dataPath: v.nullable(v.string()),
  preparation: v.optional(namedRecord(InputPreparation)),
});

const runs = 10;

try {
  const model = v.parse(Model, JSON.parse(argv[2] ?? ''));
  const session = await openSession(model.modelPath, { threads: model.threads });
  const feeds = await benchFeeds(session, model);
  for (let run = 0; run < runs; run++) await session.run(feeds);
  console.log(`peak ${ownPeakMiB().toFixed(2)}`);
} catch (thrown) {
  const told = thrown instanceof FettleError ? thrown.details.reason : undefined;
  console.error(told ?? reasonOf(thrown));
  process.exitCode = 1;
}
