// `node rebuild.ts JOB.json` builds variants from what was measured elsewhere and checks their
// golden sets; a line of JSON for each.
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { buildVariant } from '../../shared/compress/build.ts';
import { checkGolden } from '../../shared/evaluate/golden.ts';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { Job, type Rebuilt } from './work.ts';

const { modelPath, variants } = v.parse(
  Job,
  JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')),
);
const source = readFileSync(modelPath);
for (const variant of variants) console.log(JSON.stringify(await rebuild(variant)));

async function rebuild({ recipe, record, goldenPath }: Job['variants'][number]): Promise<Rebuilt> {
  const { digest, bytes } = buildVariant(source, recipe, record);
  const session = await openSession(bytes, { threads: 1 });
  const { agreement, sqnrDb } = await checkGolden(session, goldenPath);
  await session.release();
  return { architecture: process.arch, digest, agreement, sqnrDb };
}
