/** The process that profiles the nodes of one variant; `layers.ts` starts it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { readModelFile } from '../../shared/onnx/read.ts';
import { childRequest, childResult } from '../child-side.ts';
import { sessionOptionsOf } from '../serve/session-options.ts';
import { feedsFor } from './feeds.ts';
import { layersByName } from './layer-names.ts';
import { type LayerNamed, layerMicroseconds } from './node-profile.ts';
import { NodeProfileRequest } from './trial-protocol.ts';

const request = v.parse(NodeProfileRequest, await childRequest());
const named = await namesOf(request);
const folder = mkdtempSync(join(tmpdir(), 'fettle-nodes-'));
try {
  const options = { ...sessionOptionsOf(request.plan), profilePrefix: join(folder, 'nodes') };
  const session = await openSession(request.path, options);
  const feeds = await feedsFor(session, request.goldenPath);
  const end = performance.now() + request.seconds * 1000;
  // The runtime keeps every event in memory and in the file until the session ends.
  for (let run = 0; run < request.runsMax; run++) {
    await session.run(feeds);
    if (run >= request.runsMin && performance.now() > end) break;
  }
  await session.release();
  const file = readdirSync(folder)[0] ?? '';
  const trace: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  childResult({ layerUs: layerMicroseconds(trace, request.layers.length, named) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What this cannot read is still known by the order of its layers. */
async function namesOf({ path, layers }: NodeProfileRequest): Promise<LayerNamed> {
  try {
    return layersByName((await readModelFile(path)).graph, layers);
  } catch {
    return () => null;
  }
}
