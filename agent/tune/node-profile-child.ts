/** The process that profiles the nodes of variants; `layers.ts` starts it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { readModelFile } from '../../shared/onnx/read.ts';
import { childLine, childRequest, childResult } from '../child-side.ts';
import { sessionOptionsOf } from '../serve/session-options.ts';
import { feedsFor } from './feeds.ts';
import { layersByName } from './layer-names.ts';
import { type LayerNamed, layerMicroseconds } from './node-profile.ts';
import { type NodeProfileAnswer, NodeProfileRequest } from './trial-protocol.ts';

const request = v.parse(NodeProfileRequest, await childRequest());
for (const [at, file] of request.files.entries()) childLine(await profile(file, `nodes-${at}`));
childResult(null);

type File = NodeProfileRequest['files'][number];

async function profile({ path, goldenPath }: File, prefix: string): Promise<NodeProfileAnswer> {
  const { plan, layers, folder, runsMin, runsMax, seconds } = request;
  const named = await namesOf(path);
  const options = { ...sessionOptionsOf(plan), profilePrefix: join(folder, prefix) };
  const session = await openSession(path, options);
  const feeds = await feedsFor(session, goldenPath);
  const end = performance.now() + seconds * 1000;
  // The runtime keeps every event in memory and in the file until the session ends.
  for (let run = 0; run < runsMax; run++) {
    await session.run(feeds);
    if (run >= runsMin && performance.now() > end) break;
  }
  await session.release();
  const file = readdirSync(folder).find((name) => name.startsWith(`${prefix}_`)) ?? '';
  const trace: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  return { layerUs: layerMicroseconds(trace, layers.length, named) };
}

/** What this cannot read is still known by the order of its layers. */
async function namesOf(path: string): Promise<LayerNamed> {
  try {
    return layersByName((await readModelFile(path)).graph, request.layers);
  } catch {
    return () => null;
  }
}
