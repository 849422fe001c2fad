/** Opens the built dashboard in Debian's Chromium against a server of made-up documents. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { programOrSkip } from '../../programs.ts';
import { makeModels, makeRollout, makeVariants } from '../catalogue.ts';
import { makeDetail } from '../detail.ts';
import { makeFleet } from '../fleet.ts';
import {
  type DashboardServer,
  type Documents,
  dashboardFolder,
  startDashboardServer,
} from '../server.ts';

export interface Visit {
  readonly page: Page;
  readonly server: DashboardServer;
  /** What went wrong in the page: exceptions, refused scripts, requests to elsewhere. */
  readonly troubles: string[];
}

export interface VisitOptions {
  readonly documents?: Partial<Documents>;
  /** The view to begin with, e.g. `/devices/x`. */
  readonly to?: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** Arrives without the token. */
  readonly unknown?: boolean;
}

const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export interface SharedBrowser {
  open(path: string): Promise<Browser>;
  close(): Promise<void>;
}

/**
 * One browser for all tests of a file, started by the first and closed by the returned function.
 */
export function createBrowser(): SharedBrowser {
  let browser: Promise<Browser> | null = null;
  return {
    open(executablePath) {
      browser ??= chromium.launch({ executablePath, args: flags });
      return browser;
    },
    async close() {
      await (await browser)?.close();
    },
  };
}

/** What a reader sees of an element. */
export async function textOf(locator: Locator): Promise<string> {
  return (await locator.allInnerTexts()).join('\n').replaceAll('\u202f', ' ');
}

/** The page with its first documents drawn; null where Chromium is absent: the test is skipped. */
export async function visit(
  t: ExecutionContext,
  browser: SharedBrowser,
  options: VisitOptions = {},
): Promise<Visit | null> {
  const server = await startDashboardServer(fill(options.documents ?? {}));
  t.teardown(server.stop);
  const to = options.to ? `&to=${encodeURIComponent(options.to)}` : '';
  const address = options.unknown ? server.url : `${server.address}${to}`;
  const opened = await openPage(t, browser, { ...options, address });
  return opened && { ...opened, server };
}

export interface PageOptions extends Pick<VisitOptions, 'width' | 'height' | 'dark' | 'unknown'> {
  readonly address: string;
}

/** Any controller's page, drawn; null where Chromium is absent: the test is skipped. */
export async function openPage(
  t: ExecutionContext,
  browser: SharedBrowser,
  { address, width = 1440, height = 900, dark, unknown }: PageOptions,
): Promise<Pick<Visit, 'page' | 'troubles'> | null> {
  const executable = programOrSkip(t, 'chromium');
  if (executable === null) return null;
  if (!existsSync(join(dashboardFolder, 'index.html'))) {
    throw new Error('the dashboard is not built: npm run build:dashboard');
  }
  const context = await (await browser.open(executable)).newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
  });
  t.teardown(() => context.close());
  const page = await context.newPage();
  const troubles = watchTroubles(page, new URL(address).origin);
  await page.goto(address);
  await page.waitForSelector(unknown ? '.sign-in' : '.link-live');
  return { page, troubles };
}

function fill(documents: Partial<Documents>): Documents {
  const devices = documents.devices ?? makeFleet(12);
  return {
    devices,
    detail: makeDetail,
    models: makeModels(),
    variants: makeVariants(),
    rollouts: [makeRollout(devices)],
    ...documents,
  };
}

function watchTroubles(page: Page, origin: string): string[] {
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    const expected = /Failed to load resource|net::ERR/.test(message.text());
    if (message.type() === 'error' && !expected) troubles.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) troubles.push(`asked: ${url}`);
  });
  return troubles;
}
