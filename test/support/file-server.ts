/** HTTP servers that give one file, each with a fault of its own: named for what they do wrong. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ExecutionContext } from 'ava';
import { digestOf } from '../../shared/digest.ts';
import { listenUntilEnd } from './ports.ts';

export interface FileServer {
  readonly url: string;
  /** `Range` headers of the requests so far; null where there was none. */
  readonly ranges: (string | null)[];
}

type Serve = (request: IncomingMessage, response: ServerResponse, attempt: number) => void;

/** Answers as it should: ranges, entity tag, length. */
export function goodServer(t: ExecutionContext, file: Buffer): Promise<FileServer> {
  return start(t, (request, response) => send(file, request, response));
}

/** Breaks every connection after `at` bytes. */
export function cutServer(t: ExecutionContext, file: Buffer, at: number): Promise<FileServer> {
  return start(t, (request, response) => {
    const { start: from, end } = head(file, request, response);
    response.write(file.subarray(from, Math.min(end, from + at)), () => response.destroy());
  });
}

/** Knows no ranges: always 200 and the whole file; the first answer breaks at half of it. */
export function rangelessServer(t: ExecutionContext, file: Buffer): Promise<FileServer> {
  return start(t, (_, response, attempt) => {
    response.writeHead(200, { 'content-length': file.length });
    if (attempt > 0) response.end(file);
    else response.write(file.subarray(0, file.length / 2), () => response.destroy());
  });
}

/** Other bytes of the same length, `times` times; then the right ones. */
export function wrongBytesServer(
  t: ExecutionContext,
  file: Buffer,
  times: number,
): Promise<FileServer> {
  const wrong = Buffer.from(file).fill(7);
  return start(t, (request, response, attempt) =>
    send(attempt < times ? wrong : file, request, response),
  );
}

/** Declares no length and never ends. */
export function endlessServer(t: ExecutionContext, file: Buffer): Promise<FileServer> {
  return start(t, (_, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(file)) {}
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
}

/** Declares more than the file has. */
export function boastingServer(t: ExecutionContext, bytes: number): Promise<FileServer> {
  return start(t, (_, response) => {
    response.writeHead(200, { 'content-length': bytes });
    response.write('x');
  });
}

/** Answers with the status, `times` times; then as it should. */
export function failingServer(
  t: ExecutionContext,
  file: Buffer,
  fault: { readonly status: number; readonly times: number },
): Promise<FileServer> {
  return start(t, (request, response, attempt) => {
    if (attempt >= fault.times) return send(file, request, response);
    response.writeHead(fault.status).end('no');
  });
}

/** Sends one byte and then nothing. */
export function silentServer(t: ExecutionContext, file: Buffer): Promise<FileServer> {
  return start(t, (_, response) => {
    response.writeHead(200, { 'content-length': file.length });
    response.write(file.subarray(0, 1));
  });
}

/** Slow loris: a byte every few milliseconds, for ever, so that it is never silent. */
export function drippingServer(t: ExecutionContext, file: Buffer): Promise<FileServer> {
  return start(t, (request, response) => {
    let { start: at } = head(file, request, response);
    const timer = setInterval(() => response.write(file.subarray(at, ++at)), 5);
    response.on('close', () => clearInterval(timer));
  });
}

async function start(t: ExecutionContext, serve: Serve): Promise<FileServer> {
  const ranges: (string | null)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? null);
    response.on('error', () => {});
    serve(request, response, ranges.length - 1);
  });
  const url = await listenUntilEnd(t, server);
  return { url: `${url}/file`, ranges };
}

function send(file: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const { start: from, end } = head(file, request, response);
  response.end(file.subarray(from, end));
}

function head(file: Buffer, request: IncomingMessage, response: ServerResponse) {
  const etag = `"${digestOf(file)}"`;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const valid = asked !== undefined && request.headers['if-range'] === etag;
  const from = valid ? Number(asked) : 0;
  const length = file.length - from;
  const range = `bytes ${from}-${file.length - 1}/${file.length}`;
  response.writeHead(valid ? 206 : 200, {
    etag,
    'content-length': length,
    ...(valid ? { 'content-range': range } : {}),
  });
  return { start: from, end: file.length };
}
