/** What a device asks of the controller for one variant, with faults in what is sent compressed. */
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { digestOf, digestOfJson } from '../../shared/digest.ts';
import type { VariantRecord } from '../../shared/protocol/api.ts';
import { listenUntilEnd } from './ports.ts';

export interface Served {
  /** The variant itself. */
  readonly file: Buffer;
  /** What is sent under the digest of `packed`, if not `packed`. */
  readonly instead?: Buffer;
  readonly packed: Buffer;
  /** The golden set: none if absent. */
  readonly golden?: { readonly file: Buffer; readonly packed: Buffer };
  /** Breaks every connection after so many bytes. */
  readonly cutAt?: number;
}

export interface VariantServer {
  readonly url: string;
  /** What was asked for: `raw`, `packed`, `golden raw` or `golden packed`, with its range. */
  readonly asked: string[];
}

const recipe = { v: 1, bits: 32 } as const;

export async function variantServer(t: ExecutionContext, served: Served): Promise<VariantServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    response.on('error', () => {});
    const url = request.url ?? '';
    if (request.method === 'POST') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(recordOf(served)));
      return;
    }
    const { name, body } = fileAt(url, served);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    asked.push(`${name} ${from}`);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': body.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }),
    });
    const to = served.cutAt === undefined ? body.length : from + served.cutAt;
    if (to >= body.length) response.end(body.subarray(from));
    else response.write(body.subarray(from, to), () => response.destroy());
  });
  return { url: await listenUntilEnd(t, server), asked };
}

function fileAt(url: string, { file, packed, instead, golden }: Served) {
  const files = [
    { name: 'packed', is: packed, body: instead ?? packed },
    { name: 'golden raw', is: golden?.file, body: golden?.file },
    { name: 'golden packed', is: golden?.packed, body: golden?.packed },
  ];
  const found = files.find(({ is }) => is && url.endsWith(digestOf(is)));
  return { name: found?.name ?? 'raw', body: found?.body ?? file };
}

function recordOf({ file, packed, golden }: Served): VariantRecord {
  return {
    id: digestOfJson(recipe),
    ...{ model: 'model', version: 1, recipe, recipeName: 'float32', state: 'ready' },
    ...{ progress: null, error: null, ...sentAs(file, packed) },
    golden: golden ? { ...sentAs(golden.file, golden.packed), samples: 1 } : null,
    ...{ quality: null, layers: [], seconds: null },
    createdAt: '2026-01-01T00:00:00.000Z',
  };
}

function sentAs(file: Buffer, packed: Buffer) {
  const sent = { encoding: 'zstd', digest: digestOf(packed), bytes: packed.length };
  return { digest: digestOf(file), bytes: file.length, sent };
}
