import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { board } from '../support/boards.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { ownRuntimePackage } from '../support/own-runtime.ts';

const Answer = v.object({
  ok: v.boolean(),
  checks: v.array(
    v.object({
      what: v.string(),
      state: v.picklist(['ok', 'hint', 'failed', 'skipped']),
      found: v.string(),
      todo: v.nullable(v.string()),
    }),
  ),
});

async function doctor(
  t: ExecutionContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const { code, stdout, stderr } = await fettle(['doctor', '--json', ...args], {
    home: temporaryFolder(t),
    env,
  });
  const { ok, checks } = v.parse(Answer, JSON.parse(stdout));
  const of = (what: string) => checks.find((check) => check.what === what);
  return { code, ok, checks, of, stderr };
}

test('this machine: what opened is said, and nothing else is claimed', async (t) => {
  const { code, ok, of, checks } = await doctor(t, []);
  t.is(code, 0);
  t.true(ok);
  t.like(of('provider cpu'), { state: 'ok', found: 'opened a model and ran it' });
  t.like(of('provider qnn'), { state: 'skipped' });
  t.like(of('runtime'), { state: 'ok' });
  t.like(of('disk'), { state: 'ok' });
  t.like(of('controller'), { state: 'skipped' });
  for (const { state, todo, what } of checks) {
    if (state === 'failed' || state === 'hint') t.truthy(todo, what);
  }
});

test('for people: a line a check, and what to do below it', async (t) => {
  const root = board(t, 'raspberry-pi-5');
  const { code, stdout } = await fettle(['doctor', '--root', root], { home: temporaryFolder(t) });
  t.is(code, 0);
  t.regex(stdout, /^ok +board +Raspberry Pi 5 Model B Rev 1\.0, Cortex-A76 ×4$/m);
  t.regex(stdout, /^hint +heat +held back now: too warm; cpu-thermal 84\.85 °C\n +→ Cool it/m);
});

test('a recorded Jetson: its mode, its meter, its disk', async (t) => {
  const { of } = await doctor(t, ['--root', board(t, 'jetson-xavier-nx')]);
  t.like(of('power mode'), { state: 'hint', found: 'MODE_15W_6CORE' });
  t.like(of('clock limit'), { state: 'hint', found: '1420.8 of 1907.2 MHz are allowed' });
  t.like(of('power meter'), { state: 'ok', found: 'VDD_IN: 3.452 W' });
  t.like(of('storage'), { state: 'ok', found: 'emmc DG4016, up to 20 % of its life used' });
});

test('a worn disk is told of', async (t) => {
  const worn = { '/sys/block/mmcblk0/device/life_time': '0x0b 0x0a' };
  const { of } = await doctor(t, ['--root', board(t, 'rock-5b', worn)]);
  t.like(of('storage'), { state: 'hint' });
});

test('a kernel that cannot limit memory is told of', async (t) => {
  const header = '#subsys_name\thierarchy\tnum_cgroups\tenabled';
  const groups = (memory: number) => ({
    '/proc/cgroups': `${header}\ncpu\t0\t94\t1\nmemory\t0\t94\t${memory}`,
  });
  const without = await doctor(t, ['--root', board(t, 'raspberry-pi-4', groups(0))]);
  t.like(without.of('limits'), { state: 'hint' });
  t.regex(without.of('limits')?.todo ?? '', /cgroup_enable=memory/);
  const limited = await doctor(t, ['--root', board(t, 'raspberry-pi-4', groups(1))]);
  t.like(limited.of('limits'), { state: 'ok' });
  const quota = { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '50000 100000' };
  const both = await doctor(t, ['--root', board(t, 'raspberry-pi-4', { ...groups(0), ...quota })]);
  t.regex(both.of('limits')?.todo ?? '', /raise cpu\.max\. .*cgroup_enable=memory/);
});

test('what stops it from working is exit code 1, and one document', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, '');
  const { code, ok, of, stderr } = await doctor(t, [
    ...['--data', join(file, 'below')],
    ...['--controller', 'http://127.0.0.1:1'],
  ]);
  t.is(code, 1);
  t.false(ok);
  t.like(of('data folder'), { state: 'failed' });
  t.like(of('controller'), { state: 'failed' });
  t.regex(stderr, /DEVICE_UNFIT: 2 of \d+ checks failed: data folder, controller/);
});

test('a clock that is wrong by an hour', async (t) => {
  const server = createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() + 3_600_000).toUTCString());
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { code, of } = await doctor(t, ['--controller', `http://127.0.0.1:${port}`]);
  t.is(code, 0);
  t.like(of('controller'), { state: 'ok' });
  t.regex(of('time')?.found ?? '', /^3[56]\d\d s behind the controller$/);
});

test('providers of a runtime of one’s own are tried each in its own process', async (t) => {
  const { code, of } = await doctor(t, ['--runtime-path', ownRuntimePackage(t)]);
  t.is(code, 0);
  t.like(of('provider cuda'), { state: 'ok' });
  t.regex(of('provider tensorrt')?.found ?? '', /did not open: libnvinfer\.so\.10: cannot open/);
  t.regex(of('provider qnn')?.found ?? '', /did not open: it ended with SIGABRT/);
});

const unfit = [
  [{ version: '1.17.3' }, /expected version 1\.22 or newer, got 1\.17\.3/],
  [{ version: '2.0.0' }, /expected version 1\.22 or newer, got 2\.0\.0/],
  [{ name: 'onnxruntime-web' }, /expected the package onnxruntime-node, got onnxruntime-web/],
  [{ bare: true }, /expected bin\/napi-v6\/\S+\/onnxruntime_binding\.node, got none/],
] as const;
for (const [options, message] of unfit) {
  test(`a runtime that does not fit is refused: ${JSON.stringify(options)}`, async (t) => {
    const path = ownRuntimePackage(t, options);
    const { code, of, checks } = await doctor(t, [], { FETTLE_RUNTIME_PATH: path });
    t.is(code, 1);
    t.is(of('runtime')?.state, 'failed');
    t.regex(of('runtime')?.found ?? '', message);
    t.false(
      checks.some(({ what }) => what.startsWith('provider')),
      'nothing else was tried',
    );
  });
}
