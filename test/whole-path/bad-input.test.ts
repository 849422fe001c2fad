/** Bad input to the command line: one clear line, a non-zero exit, nothing half-written. */

import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { ModelRecord } from '../../shared/protocol/api.ts';
import { digits, makeBadFiles } from '../support/bad-files.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { startFleet } from '../support/fleet.ts';
import { inSmallDisk, smallDiskOrSkip } from '../support/small-disk.ts';

interface Case {
  readonly what: string;
  /** `$` stands for the folder of the bad files, `@` for the example package. */
  readonly args: readonly string[];
  readonly code: string;
  readonly says: RegExp;
}

const cases: readonly Case[] = [
  {
    what: 'a truncated model, inspected',
    args: ['inspect', '$/truncated.onnx'],
    code: 'ONNX_INVALID',
    says: /truncated\.onnx: not a valid ONNX model/,
  },
  {
    what: 'a truncated model, compressed',
    args: ['compress', '$/truncated.onnx', '--bits', '8', '--out', '$/out.onnx'],
    code: 'ONNX_INVALID',
    says: /truncated\.onnx/,
  },
  {
    what: 'an unknown operator, evaluated',
    args: ['evaluate', '$/unknown.onnx', '--package', '@/fettle.json'],
    code: 'MODEL_UNRUNNABLE',
    says: /Frobnicate/,
  },
  {
    what: 'an unknown operator, timed',
    args: ['bench', '$/unknown.onnx', '--seconds', '1'],
    code: 'MODEL_UNRUNNABLE',
    says: /Frobnicate/,
  },
  {
    what: 'data of a wrong shape, evaluated',
    args: ['evaluate', '@/model.onnx', '--data', '$/wrong-shape.npz'],
    code: 'DATA_MISMATCH',
    says: /image: expected .*1.*32.*32.*got .*3.*8.*8/,
  },
  {
    what: 'data of a wrong shape, calibrated with',
    args: [
      ...['compress', '@/model.onnx', '--bits', '8', '--calibration', '$/wrong-shape.npz'],
      ...['--out', '$/out.onnx'],
    ],
    code: 'DATA_MISMATCH',
    says: /image: expected/,
  },
  {
    what: 'missing data',
    args: ['evaluate', '@/model.onnx', '--data', '$/missing.npz'],
    code: 'FILE_MISSING',
    says: /missing\.npz: no such file/,
  },
  {
    what: 'a claim of ten gigabytes',
    args: ['evaluate', '@/model.onnx', '--data', '$/huge.npz'],
    code: 'NPZ_INVALID',
    says: /10000000000/,
  },
];

for (const { what, args, code, says } of cases) {
  test(what, async (t) => {
    const folder = temporaryFolder(t);
    await makeBadFiles(folder);
    const before = readdirSync(folder).sort();
    const words = args.map((arg) => arg.replace(/^\$/, folder).replace(/^@/, digits));
    const home = temporaryFolder(t);
    const run = await fettle(words, { home });
    t.is(run.code, 1, run.stderr);
    t.true(run.stderr.startsWith(`error ${code}: `), run.stderr);
    t.regex(run.stderr, says);
    t.true(run.stderr.trimEnd().split('\n').length <= 2, run.stderr);
    t.deepEqual(readdirSync(folder).sort(), before, 'nothing is left behind');
  });
}

test('a package whose name leads out of its folder', async (t) => {
  const folder = join(temporaryFolder(t), 'package');
  cpSync(digits, folder, { recursive: true });
  spoil(folder, '"name": "digits"', '"name": "../digits"');
  const run = await fettle(['tune', folder, '--json'], { home: temporaryFolder(t) });
  t.is(run.code, 1);
  t.regex(run.stderr, /fettle\.json: name.*expected a name/);
});

test('a full disk leaves neither the variant nor a part of it', async (t) => {
  const mount = smallDiskOrSkip(t);
  if (mount === null) return;
  const folder = temporaryFolder(t);
  const args = [
    ...['compress', join(digits, 'model.onnx'), '--bits', '8'],
    ...['--calibration', join(digits, 'calibration.npz'), '--out', join(folder, 'out.onnx')],
  ];
  const { code, stderr, stdout } = inSmallDisk(mount, { folder, args });
  t.is(code, 1, stderr);
  t.regex(stderr, /error DISK_FULL: .*out\.onnx/);
  t.is(stdout.trim(), 'left: 0', 'nothing is left behind');
});

test('over the API: a name that leads elsewhere, and a claim of ten gigabytes', async (t) => {
  const folder = temporaryFolder(t);
  const fleet = await startFleet({ folder, agents: 0 });
  t.teardown(() => fleet.stop());
  const headers = { authorization: `Bearer ${fleet.token}` };
  const digest = `sha256:${'0'.repeat(64)}`;
  const manifest = { name: '../digits', model: 'model.onnx' };
  const push = await fetch(new URL('/api/v1/models', fleet.client.url), {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ manifest, model: digest, calibration: null, evaluation: null }),
  });
  t.is(push.status, 400);
  t.regex(await push.text(), /expected a name of lower-case letters/);
  const status = await claim(fleet.client.url, `/api/v1/blobs/${digest}`, {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-length': '10000000000',
  });
  t.is(status, 413);
  t.deepEqual((await fleet.client.call(Models, models)).items, []);
});

test('pushing a broken model changes nothing of what was pushed before', async (t) => {
  const bad = temporaryFolder(t);
  await makeBadFiles(bad);
  const fleet = await startFleet({ folder: temporaryFolder(t), agents: 0 });
  t.teardown(() => fleet.stop());
  const home = temporaryFolder(t);
  const to = ['--controller', fleet.client.url, '--token', fleet.token];
  t.is((await fettle(['push', digits, ...to], { home })).code, 0);
  const before = (await fleet.client.call(Models, models)).items;
  for (const [file, says] of [
    ['truncated.onnx', /ONNX_INVALID/],
    ['unknown.onnx', /Frobnicate/],
  ] as const) {
    const { code, stderr } = await fettle(['push', join(bad, file), ...to], { home });
    t.is(code, 1, file);
    t.regex(stderr, says);
  }
  const after = (await fleet.client.call(Models, models)).items;
  const ready = after.filter(({ state }) => state === 'ready');
  t.deepEqual(ready, before);
});

test('a port in use, of the controller and of its broker', async (t) => {
  const port = await occupiedPort(t);
  const home = temporaryFolder(t);
  const http = await fettle(['controller', '--port', port, '--broker-port', '0'], { home });
  t.is(http.code, 1);
  t.regex(http.stderr, new RegExp(`^error PORT_IN_USE: HTTP port ${port} is in use\\n.*--port`));
  const mqtt = await fettle(['controller', '--port', '0', '--broker-port', port], { home });
  t.is(mqtt.code, 1);
  t.regex(
    mqtt.stderr,
    new RegExp(`^error PORT_IN_USE: .* port ${port} is in use\\n.*--broker-port`),
  );
});

const models = '/api/v1/models';
const Models = v.object({ items: v.array(ModelRecord) });

/** The status that a request is refused with before its body was sent. */
function claim(url: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(new URL(path, url), { method: 'PUT', headers });
    sending.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      sending.destroy();
    });
    sending.on('error', reject);
    sending.flushHeaders();
  });
}

function spoil(folder: string, from: string, to: string): void {
  const path = join(folder, 'fettle.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}

async function occupiedPort(t: ExecutionContext): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  return String(typeof address === 'object' && address ? address.port : 0);
}
