/** What the agent's serving path adds to a bare session in a worker thread. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHttp } from '../agent/serve/http.ts';
import { openPool } from '../agent/serve/pool.ts';
import { createServer } from '../agent/serve/server.ts';
import { openThread } from '../agent/serve/thread.ts';
import { openState } from '../agent/state.ts';
import { createMeter } from '../agent/telemetry/meter.ts';
import { sourceRecipe } from '../shared/compress/recipe.ts';
import { digestOf } from '../shared/digest.ts';
import { identityModel } from '../shared/evaluate/identity-model.ts';
import { quantileOf } from '../shared/evaluate/timing.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench, BenchContext } from './bench.ts';

interface Subject {
  readonly name: string;
  readonly path: string;
  readonly input: string;
  readonly shape: readonly number[];
}

interface Way {
  readonly name: string;
  /** One inference, from feeds in memory to outputs in memory. */
  run(values: Float32Array<ArrayBuffer>): Promise<unknown>;
}

const secondsEach = 12;
const blockRuns = 20;

export const bench: Bench = {
  what: 'The serving path of the agent against a bare session in a worker thread',
  async run(context) {
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    const smallest = join(folder, 'identity.onnx');
    await writeFile(smallest, identityModel);
    const digits = join(productRoot(), 'examples', 'digits', 'model.onnx');
    const subjects: readonly Subject[] = [
      { name: 'digits, 32×32', path: digits, input: 'image', shape: [1, 1, 32, 32] },
      { name: 'identity of one float', path: smallest, input: 'x', shape: [1] },
    ];
    try {
      const rows = [];
      for (const subject of subjects) rows.push(...(await measure(subject, folder, context)));
      return {
        columns: ['model', 'way', 'p50 ms', 'p95 ms', 'adds ms', 'ratio of p50'],
        rows,
        notes: [
          'One thread, one request at a time, the ways in turns.',
          'The client shares the process, so that its own work is in the figures.',
          'The identity shows what a request costs when the model costs nothing.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function measure(subject: Subject, folder: string, { note, signal }: BenchContext) {
  note(subject.name);
  const plan = { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1 };
  const spec = { path: subject.path, plan };
  const state = openState(join(folder, digestOf(subject.name)), () => {});
  const thread = await openThread(spec, 60_000);
  const server = createServer({ meter: createMeter(), risk: state.risk });
  const pool = await openPool(spec);
  await server.switchTo({ key: digestOf(subject.path), serving: servingOf(subject), pool });
  const http = await openHttp({
    spans: null,
    ...{ host: '127.0.0.1', port: 0, server, version: '0', bodyBytesMax: 1 << 24 },
    ...{ report: () => null, connection: () => null, metrics: () => '' },
  });
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
  const bare: Way = {
    name: 'bare session',
    run: (data) => thread.run({ [subject.input]: { type: 'float', dims: subject.shape, data } }),
  };
  const url = `${http.url}/v2/models/model/infer`;
  const ways = [bare, binaryWay(subject, url, keepAlive), jsonWay(subject, url, keepAlive)];
  try {
    return rowsOf(subject, await time(subject, ways, signal));
  } finally {
    keepAlive.destroy();
    await http.close(5000);
    await server.retire();
    await thread.end();
    state.close();
  }
}

/** Milliseconds of each way, measured in turns. */
async function time(subject: Subject, ways: readonly Way[], signal: AbortSignal) {
  const count = subject.shape.reduce((product, dim) => product * dim, 1);
  const latencies = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const endMs = performance.now() + secondsEach * 1000;
  for (let round = 0; performance.now() < endMs; round++) {
    for (const { name, run } of ways) {
      for (let at = 0; at < blockRuns; at++) {
        signal.throwIfAborted();
        const values = new Float32Array(count).fill(0.25);
        const startMs = performance.now();
        await run(values);
        // The first round warms everything up.
        if (round > 0) latencies.get(name)?.push(performance.now() - startMs);
      }
    }
  }
  return latencies;
}

function rowsOf({ name: model }: Subject, latencies: ReadonlyMap<string, number[]>) {
  const bareP50 = quantileOf(latencies.get('bare session') ?? [], 0.5);
  return [...latencies].map(([name, values]) => {
    const p50 = quantileOf(values, 0.5);
    return [model, name, p50, quantileOf(values, 0.95), p50 - bareP50, p50 / bareP50];
  });
}

function binaryWay({ input, shape }: Subject, url: string, agent: Agent): Way {
  return {
    name: 'HTTP, raw tensors',
    run(values) {
      const raw = Buffer.from(values.buffer);
      const size = { binary_data_size: raw.length };
      const inputs = [{ name: input, shape, datatype: 'FP32', parameters: size }];
      const parameters = { binary_data_output: true };
      const json = Buffer.from(JSON.stringify({ inputs, parameters }));
      const headers = { 'inference-header-content-length': json.length };
      return post(url, Buffer.concat([json, raw]), { agent, headers });
    },
  };
}

function jsonWay({ input, shape }: Subject, url: string, agent: Agent): Way {
  return {
    name: 'HTTP, JSON',
    async run(values) {
      const inputs = [{ name: input, shape, datatype: 'FP32', data: Array.from(values) }];
      const body = Buffer.from(JSON.stringify({ inputs }));
      JSON.parse((await post(url, body, { agent, headers: {} })).toString());
    },
  };
}

function post(
  url: string,
  body: Buffer,
  options: { agent: Agent; headers: Record<string, number> },
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const headers = { ...options.headers, 'content-length': body.length };
  const call = httpRequest(url, { method: 'POST', agent: options.agent, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks));
      else reject(new Error(`status ${response.statusCode}: ${Buffer.concat(chunks)}`));
    });
  });
  call.on('error', reject);
  call.end(body);
  return promise;
}

function servingOf({ path }: Subject) {
  return {
    ...{ model: 'model', version: 1, recipe: sourceRecipe, recipeName: 'source' },
    ...{ variant: digestOf(path), bytes: 1, sourceBytes: 1, quality: null, latencyMsP50: 0 },
    plan: { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1 },
    ...{ reason: '', since: new Date().toISOString() },
  };
}
