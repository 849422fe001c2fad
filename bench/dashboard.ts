/**
 * How the fleet table bears ten thousand devices that report all the time, against the same rows as
 * still HTML: what this machine can scroll at all.
 */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type CDPSession, chromium, type Page } from 'playwright-core';
import { formatCount } from '../controller/dashboard/format/numbers.ts';
import type { DeviceReading, DeviceSummary } from '../shared/protocol/api.ts';
import { makeModels, makeRollout, makeVariants } from '../test/support/dashboard/catalogue.ts';
import { makeDetail } from '../test/support/dashboard/detail.ts';
import { makeFleet } from '../test/support/dashboard/fleet.ts';
import { type DashboardServer, startDashboardServer } from '../test/support/dashboard/server.ts';
import type { Bench } from './bench.ts';

const sizes = [3, 1000, 10_000] as const;
/** Every device sends a window each 5 seconds. */
const windowSeconds = 5;
const scrollSeconds = 6;
const pixelsPerFrame = 100;
/** Rows of the still page: more than are ever in sight, as many as a page bears. */
const stillRows = 600;
const chromiumPath = '/usr/bin/chromium';

export const bench: Bench = {
  what: 'the fleet table of the dashboard: first useful paint and frames while scrolling, live',
  async run({ signal, note }) {
    if (!existsSync(chromiumPath)) throw new Error(`${chromiumPath}: not installed`);
    const rows: (string | number)[][] = [];
    for (const size of sizes) {
      note(`${size} devices`);
      rows.push(...(await measure(size, signal)));
    }
    return {
      columns: [
        'devices',
        'page',
        'reports/s',
        'first row ms',
        'main thread ms/frame',
        'frames/s',
        'frame p95 ms',
        'longest ms',
        'elements',
        'heap MiB',
      ],
      rows,
      notes: [
        'Chromium without a GPU: it composes pictures on the processor, which the server shares.',
        `"still" is up to ${stillRows} of the same rows as HTML without a script: the ceiling.`,
        'The main thread is counted in processor time; frames suffer from all that runs besides.',
        `Scrolled by ${pixelsPerFrame} px a frame while devices report each ${windowSeconds} s.`,
        '"first row" counts from the navigation, the start of the process not included.',
      ],
    };
  },
};

async function measure(size: number, signal: AbortSignal): Promise<(string | number)[][]> {
  const devices = makeFleet(size);
  const server = await startDashboardServer({
    devices,
    detail: makeDetail,
    models: makeModels(),
    variants: makeVariants(),
    rollouts: [makeRollout(devices.slice(0, 1000))],
  });
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'],
  });
  const stop = new AbortController();
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(server.address);
    await page.waitForSelector('tr.row');
    const firstRowMs = await numberFrom(page, 'performance.getEntriesByName("fleet")[0].startTime');
    await page.getByText(`${formatCount(size)} devices`).waitFor();
    const reporting = report(server, AbortSignal.any([stop.signal, signal]));
    const live = await scrollFigures(page);
    stop.abort();
    const sent = await reporting;
    await makeStill(page);
    const still = await scrollFigures(page);
    return [
      [size, 'live', sent / scrollSeconds, firstRowMs, ...live],
      [size, 'still', 0, '', ...still],
    ];
  } finally {
    stop.abort();
    await browser.close();
    await server.stop();
  }
}

/** From processor time a frame on, in the order of the columns. */
async function scrollFigures(page: Page): Promise<number[]> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await busySeconds(session);
  const { count, figures } = await scroll(page);
  const busyMs = ((await busySeconds(session)) - before) * 1000;
  const elements = await numberFrom(page, 'document.querySelectorAll("*").length');
  const heap = await numberFrom(page, 'performance.memory.usedJSHeapSize / 2 ** 20');
  await session.detach();
  return [busyMs / count, ...figures, elements, heap];
}

/** Leaves the page as it looks, with rows as many as there are, in their places. */
async function makeStill(page: Page): Promise<void> {
  const html: string = await page.evaluate(`(() => {
    const rows = [...document.querySelectorAll('tr.row')];
    const px = rows[0].offsetHeight;
    const body = rows[0].parentElement;
    const count = Math.min(${stillRows}, Math.round(body.offsetHeight / px));
    body.style.height = count * px + 'px';
    body.replaceChildren(...Array.from({ length: count }, (_, index) => {
      const row = rows[index % rows.length].cloneNode(true);
      row.style.top = index * px + 'px';
      return row;
    }));
    const sheet = document.querySelector('link[rel=stylesheet]').outerHTML;
    const base = '<base href="' + location.href + '">';
    return '<!doctype html>' + base + sheet + document.getElementById('app').outerHTML;
  })()`);
  await page.goto('about:blank');
  await page.setContent(html);
}

/** Sends every device's news once a window, evenly; returns how many it sent. */
async function report(server: DashboardServer, signal: AbortSignal): Promise<number> {
  const { devices } = server.documents;
  const startMs = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    const due = ((performance.now() - startMs) / 1000 / windowSeconds) * devices.length;
    for (; sent < due; sent += 1) {
      const device = devices[sent % devices.length];
      if (device) server.publish('reading', device.device, stir(device, sent));
    }
    await pause(50);
  }
  return sent;
}

function stir({ device, recent }: DeviceSummary, turn: number): DeviceReading {
  const lastSeen = new Date().toISOString();
  if (recent === null) return { device, lastSeen, recent };
  const factor = 0.8 + (turn % 97) / 240;
  return {
    device,
    lastSeen,
    recent: {
      ...recent,
      requestsPerSecond: recent.requestsPerSecond * factor,
      latencyMsP95: (recent.latencyMsP95 ?? 0) * factor,
    },
  };
}

/** Figures: frames a second, 95th percentile and longest of the time between frames. */
async function scroll(page: Page): Promise<{ count: number; figures: number[] }> {
  const result: unknown = await page.evaluate(`new Promise((resolve) => {
    const gaps = [];
    let last = performance.now();
    const end = last + ${scrollSeconds * 1000};
    let down = true;
    const frame = (now) => {
      gaps.push(now - last);
      last = now;
      const bottom = document.documentElement.scrollHeight - innerHeight;
      if (scrollY >= bottom - 1) down = false;
      if (scrollY <= 0) down = true;
      scrollBy(0, down ? ${pixelsPerFrame} : -${pixelsPerFrame});
      if (now < end) return requestAnimationFrame(frame);
      gaps.sort((a, b) => a - b);
      const total = gaps.reduce((sum, gap) => sum + gap, 0);
      const p95 = gaps[Math.floor(gaps.length * 0.95)];
      resolve([gaps.length, gaps.length / (total / 1000), p95, gaps[gaps.length - 1]]);
    };
    requestAnimationFrame(frame);
  })`);
  const [count = 1, ...figures] = Array.isArray(result) ? result.map(Number) : [];
  return { count, figures };
}

/** Processor time of the page's main thread: what other processes take is not in it. */
async function busySeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
}

async function numberFrom(page: Page, expression: string): Promise<number> {
  return Number(await page.evaluate(expression));
}
