/**
 * `npm run screenshots [-- --only agents|simulated]`: takes the pictures of the documentation, with
 * three real agents and with ten thousand simulated devices, into `docs/images/`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { productRoot } from '../../shared/product.ts';
import { makeModels, makeRollout, makeVariants } from '../support/dashboard/catalogue.ts';
import { makeDetail } from '../support/dashboard/detail.ts';
import { makeFleet, startMs } from '../support/dashboard/fleet.ts';
import { type DashboardServer, startDashboardServer } from '../support/dashboard/server.ts';

interface Shot {
  readonly name: string;
  readonly view: string;
  /** What must be there before the picture is taken. */
  readonly ready: string;
  readonly dark?: boolean;
  readonly phone?: boolean;
  readonly heightPx?: number;
}

const root = productRoot();
const folder = join(root, 'docs/images');
const startTimeoutMs = 300_000;
/** Of real agents: charts want a few windows, which are five seconds each. */
const servingMs = 90_000;

const ofAgents: readonly Shot[] = [
  { name: 'agents-fleet', view: '/', ready: 'tr.row', heightPx: 500 },
  { name: 'agents-device', view: '/devices/all-cores', ready: '.chart canvas', heightPx: 1240 },
  { name: 'agents-model', view: '/models/digits/1', ready: '.front', heightPx: 860 },
];

const ofSimulated: readonly Shot[] = [
  { name: 'fleet', view: '/', ready: 'tr.row' },
  { name: 'fleet-dark', view: '/', ready: 'tr.row', dark: true },
  { name: 'device', view: '/devices/hall-1-cam-1', ready: '.chart canvas', heightPx: 1300 },
  { name: 'device-dark', view: '/devices/hall-1-cam-1', ready: '.chart canvas', dark: true },
  { name: 'models', view: '/models', ready: '.plain-table', heightPx: 260 },
  { name: 'model-dark', view: '/models/digits/3', ready: '.front', dark: true },
  { name: 'rollouts', view: '/rollouts', ready: '.plain-table', heightPx: 220 },
  { name: 'rollout', view: '/rollouts/r-3', ready: '.gates-table', heightPx: 760 },
  { name: 'phone', view: '/', ready: 'tr.row', phone: true },
  { name: 'phone-dark', view: '/devices/hall-1-cam-1', ready: '.front', phone: true, dark: true },
];

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'],
});
try {
  if (values.only !== 'agents') await shootSimulated(browser);
  if (values.only !== 'simulated') await shootAgents(browser);
} finally {
  await browser.close();
}

async function shootSimulated(browser: Browser): Promise<void> {
  const devices = makeFleet(10_000);
  const server = await startDashboardServer({
    devices,
    detail: makeDetail,
    models: makeModels(),
    variants: makeVariants(),
    rollouts: [makeRollout(devices)],
  });
  // The first devices of the list report often enough to have a line behind their throughput.
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    report(server, devices.slice(0, 400), turn);
  }, 250);
  for (const shot of ofSimulated)
    await shoot(browser, { address: server.address, nowMs: startMs }, shot);
  clearInterval(timer);
  await server.stop();
}

function report(
  server: DashboardServer,
  devices: ReturnType<typeof makeFleet>,
  turn: number,
): void {
  for (const [index, { device, lastSeen, recent }] of devices.entries()) {
    const wave = 1 + 0.3 * Math.sin(turn / 3 + index);
    const requestsPerSecond = (recent?.requestsPerSecond ?? 0) * wave;
    const stirred = recent && { ...recent, requestsPerSecond };
    server.publish('reading', device, { device, lastSeen, recent: stirred });
  }
}

async function shootAgents(browser: Browser): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'fettle-screenshots-'));
  const args = [join(root, 'cli.ts'), 'up', '--agents', '3', '--data', data];
  const up = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  up.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const waitFor = async (pattern: RegExp) => {
    const end = Date.now() + startTimeoutMs;
    while (!pattern.test(said) && Date.now() < end && up.exitCode === null) await pause(200);
    const found = pattern.exec(said);
    if (found === null) throw new Error(`fettle up did not say ${pattern}:\n${said}`);
    return found[1] ?? '';
  };
  try {
    const address = await waitFor(/dashboard: (\S+)/);
    await waitFor(/(curl [^\n]*\n.*curl [^\n]*\n.*curl [^\n]*)\n/);
    const endpoints = [...said.matchAll(/http:\S+\/infer/g)].map(([url]) => url);
    await ask(endpoints, Date.now() + servingMs);
    const asking = ask(endpoints, Date.now() + 30_000);
    for (const shot of ofAgents) await shoot(browser, { address }, shot);
    await asking;
  } finally {
    up.kill('SIGINT');
    await new Promise((resolve) => up.once('exit', resolve));
    await rm(data, { recursive: true });
  }
}

/** Sends the example's sample to every agent, again and again. */
async function ask(endpoints: readonly string[], untilMs: number): Promise<void> {
  const body = await readFile(join(root, 'examples/digits/sample.json'));
  const headers = { 'content-type': 'application/json' };
  while (Date.now() < untilMs) {
    await Promise.all(endpoints.map((url) => fetch(url, { method: 'POST', headers, body })));
    await pause(60);
  }
}

interface Site {
  readonly address: string;
  /** The page's present, where it must fit to made-up times. */
  readonly nowMs?: number;
}

async function shoot(browser: Browser, { address, nowMs }: Site, shot: Shot): Promise<void> {
  const { name, view, ready, dark, phone, heightPx = phone ? 844 : 800 } = shot;
  const page = await browser.newPage({
    viewport: { width: phone ? 390 : 1280, height: heightPx },
    colorScheme: dark ? 'dark' : 'light',
  });
  if (nowMs !== undefined) await page.clock.setFixedTime(nowMs);
  await page.goto(`${address}&to=${encodeURIComponent(view)}`);
  await page.waitForSelector('.link-live');
  await page.waitForSelector(ready);
  // Sparklines and the fleet's pulse grow while the page is open.
  await pause(view === '/' ? 12_000 : 1500);
  await page.screenshot({ path: join(folder, `dashboard-${name}.png`) });
  console.log(`dashboard-${name}.png`);
  await page.close();
}
