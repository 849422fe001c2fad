/**
 * The whole product by one command: push, fit, serve, show; stop, and continue from what is on
 * disk.
 */
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { DeviceDetail, DeviceSummary } from '../../shared/protocol/api.ts';
import { createBrowser } from '../support/dashboard/browser/visit.ts';
import { fettle, startFettle, temporaryFolder } from '../support/fettle.ts';
import { classify, sampleDigit } from '../support/inference.ts';
import { programOrSkip } from '../support/programs.ts';
import { until } from '../support/until.ts';

const names = ['all-cores', 'one-core', 'small-memory'];
const Devices = v.array(DeviceSummary);
const minutesMs = 60_000;

test('up brings a model to three devices, stops cleanly, and starts again from disk', async (t) => {
  t.timeout(10 * minutesMs);
  const home = temporaryFolder(t);
  const first = startUp(t, home);
  const devices = await servingDevices(first, home);
  for (const { reported } of devices) {
    t.is(await classify(reported?.endpoint ?? ''), sampleDigit, reported?.device);
  }
  await assertOneChoice(t, home, devices);
  await assertDashboard(t, first, devices);
  await assertTelemetry(home);
  await stop(t, first);

  const second = startUp(t, home);
  const again = await servingDevices(second, home);
  t.deepEqual(choices(again), choices(devices), 'the choice of the first start still holds');
  t.false(second.text().includes('not tried yet'), 'nothing is tried a second time');
  for (const { reported } of again) t.is(await classify(reported?.endpoint ?? ''), sampleDigit);
  await stop(t, second);
});

interface Up {
  readonly child: ReturnType<typeof startFettle>;
  /** What it has printed. */
  text(): string;
}

function startUp(t: ExecutionContext, home: string): Up {
  const child = startFettle(['up'], { home });
  let printed = '';
  const add = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  t.teardown(() => child.kill('SIGKILL'));
  return { child, text: () => printed };
}

/** Waits until every device serves, as `fettle devices` says it. */
async function servingDevices({ child, text }: Up, home: string): Promise<DeviceSummary[]> {
  const look = async () => {
    if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}:\n${text()}`);
    const { code, stdout } = await fettle(['devices', '--json'], { home });
    if (code !== 0) return null;
    const devices = v.parse(Devices, JSON.parse(stdout));
    const serving = devices.filter((one) => one.online && one.reported?.state === 'serving');
    return serving.length === names.length ? devices : null;
  };
  const timeoutMs = 4 * minutesMs;
  const devices = await until('three devices serve', look, { timeoutMs, everyMs: 1000 });
  await until('up says so', () => text().includes('Classify the sample'));
  return devices;
}

/** The list, the detail and the explanation name the same variant for the same reason. */
async function assertOneChoice(t: ExecutionContext, home: string, devices: DeviceSummary[]) {
  t.deepEqual(
    devices.map(({ device }) => device),
    names,
  );
  for (const { device, reported } of devices) {
    const shown = await fettle(['device', 'show', device, '--json'], { home });
    const detail = v.parse(DeviceDetail, JSON.parse(shown.stdout));
    const chosen = detail.tuning?.chosen;
    t.is(chosen?.variant, reported?.serving?.variant, device);
    t.is(chosen?.reason, reported?.serving?.reason, device);
    t.true((chosen?.reason.length ?? 0) > 20, device);
    const why = await fettle(['device', 'why', device], { home });
    t.true(why.stdout.includes(chosen?.reason ?? 'no reason'), why.stdout);
  }
}

/** The real dashboard in Chromium: the fleet's table and each device's page say the same. */
async function assertDashboard(t: ExecutionContext, { text }: Up, devices: DeviceSummary[]) {
  const program = programOrSkip(t, 'chromium');
  if (!program) return;
  const address = /dashboard: (\S+)/.exec(text())?.[1] ?? '';
  const [origin] = address.split('#');
  const browser = createBrowser();
  try {
    const page = await (await browser.open(program)).newPage();
    await page.goto(address);
    for (const { device, reported } of devices) {
      const recipe = reported?.serving?.recipeName ?? 'no recipe';
      const row = page.getByRole('row').filter({ hasText: device });
      await row.filter({ hasText: recipe }).waitFor();
      await page.goto(`${origin}#/devices/${device}`);
      const why = page
        .locator('.why-reason')
        .filter({ hasText: reported?.serving?.reason ?? 'none' });
      await why.waitFor();
      t.is(await page.locator('.why-what .accent').textContent(), recipe);
      await page.goto(`${origin}#/`);
    }
  } finally {
    await browser.close();
  }
}

/** The request that was sent to each device is counted once it has been reported. */
async function assertTelemetry(home: string): Promise<void> {
  for (const device of names) {
    await until(`telemetry of ${device}`, async () => {
      const { stdout } = await fettle(['device', 'show', device, '--json'], { home });
      const { windows } = v.parse(DeviceDetail, JSON.parse(stdout));
      return windows.some(({ requests }) => requests > 0);
    });
  }
}

function choices(devices: readonly DeviceSummary[]) {
  return devices.map(({ device, reported }) => [device, reported?.serving?.variant]);
}

async function stop(t: ExecutionContext, { child, text }: Up): Promise<void> {
  child.kill('SIGINT');
  if (child.exitCode === null) await once(child, 'exit');
  t.is(child.exitCode, 0, text());
}
