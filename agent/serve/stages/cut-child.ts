/**
 * The process that cuts a model into stages. What is cut is the graph that the runtime runs after
 * its optimizations, so that every stage runs the same kernels as one session would, and gives the
 * same bits.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { reasonOf } from '../../../shared/errors.ts';
import { findRandomFeeds } from '../../../shared/evaluate/random-feeds.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { planCut, stageParts } from '../../../shared/onnx/cut.ts';
import { readModelFile } from '../../../shared/onnx/read.ts';
import { writeModelFile } from '../../../shared/onnx/write.ts';
import type { Plan } from '../../../shared/protocol/tuning.ts';
import { childRequest, childResult } from '../../child-side.ts';
import { sessionOptionsOf } from '../session-options.ts';
import { nodeCosts } from './costs.ts';
import { type CutAnswer, CutRequest } from './protocol.ts';

/** Enough for a median; the runtime keeps every event until the session ends. */
const runs = { min: 5, max: 40, ms: 500 } as const;

const { path, plan, folder } = v.parse(CutRequest, await childRequest());
try {
  childResult(await cut());
} catch (thrown) {
  childResult({ refused: reasonOf(thrown) });
}

async function cut(): Promise<CutAnswer | { refused: string }> {
  const optimized = join(folder, 'optimized.onnx');
  const options = sessionOptionsOf(plan);
  const whole = await openSession(path, { ...options, optimizedModelPath: optimized });
  await whole.release();
  const model = await readModelFile(optimized);
  // Names of our own, by which the profile tells the nodes apart.
  for (const [at, node] of model.graph.nodes.entries()) node.name = `stage-node-${at}`;
  await writeModelFile(optimized, model);
  const names = model.graph.nodes.map((node) => node.name);
  const costs = nodeCosts(await profile(optimized, plan), names);
  if (costs === null) return { refused: 'the profile of the nodes is not whole' };
  const found = planCut(model.graph, costs, plan.stages);
  if (found === null) return { refused: `the graph cannot be cut into ${plan.stages} stages` };
  const stages: CutAnswer['stages'] = [];
  for (const [at, part] of stageParts(model, costs, found.positions).entries()) {
    const file = join(folder, `stage-${at}.onnx`);
    await writeModelFile(file, part.model);
    stages.push({ path: file, inputs: [...part.inputs], carries: [...part.carries] });
  }
  rmSync(optimized);
  const { inputs, outputs } = whole;
  return { inputs: [...inputs], outputs: [...outputs], stages, reason: found.reason };
}

async function profile(optimized: string, { threads, provider }: Plan): Promise<unknown> {
  const traces = mkdtempSync(join(folder, 'trace-'));
  const session = await openSession(optimized, {
    ...{ threads, provider, spinning: false, optimization: 'disabled' },
    profilePrefix: join(traces, 'nodes'),
  });
  const feeds = await findRandomFeeds(session, 1);
  const end = performance.now() + runs.ms;
  for (let run = 0; run < runs.max && (run < runs.min || performance.now() < end); run++) {
    await session.run(feeds);
  }
  await session.release();
  const trace: unknown = JSON.parse(
    readFileSync(join(traces, readdirSync(traces)[0] ?? ''), 'utf8'),
  );
  rmSync(traces, { recursive: true });
  return trace;
}
