/** How the page looks, and that texts from devices are only ever text. */
import test from 'ava';
import { textContrasts } from '../../../support/dashboard/browser/contrast.ts';
import { createBrowser, textOf, visit } from '../../../support/dashboard/browser/visit.ts';
import { makeRollout } from '../../../support/dashboard/catalogue.ts';
import { makeDetail } from '../../../support/dashboard/detail.ts';
import { injection, makeFleet } from '../../../support/dashboard/fleet.ts';

const browser = createBrowser();
test.after.always(browser.close);

const views = ['/', '/devices/hall-1-cam-1', '/models', '/models/digits/3', '/rollouts/r-3'];

for (const dark of [false, true]) {
  test.serial(`every text reaches 4.5:1, ${dark ? 'dark' : 'light'}`, async (t) => {
    const seen = await visit(t, browser, { dark, documents: { devices: makeFleet(300) } });
    if (seen === null) return;
    const { page } = seen;
    for (const view of views) {
      await page.evaluate((to) => {
        location.hash = `#${to}`;
      }, view);
      await page.waitForSelector(view === '/' ? 'tr.row' : '.device, .view-title');
      for (const summary of await page.locator('details > summary').all()) await summary.click();
      const contrasts = await textContrasts(page);
      t.true(contrasts.length > 20, `${view} has text`);
      t.deepEqual(
        contrasts.filter(({ ratio }) => ratio < 4.5),
        [],
        view,
      );
    }
  });
}

test.serial('the system decides between light and dark, and the button overrules it', async (t) => {
  const seen = await visit(t, browser, { dark: true });
  if (seen === null) return;
  const { page } = seen;
  const paper = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await paper();
  await page.getByRole('button', { name: /Colours: auto/ }).click();
  const light = await paper();
  t.not(light, dark);
  await page.reload();
  await page.waitForSelector('tr.row');
  t.is(await paper(), light, 'the choice is kept');
});

for (const width of [320, 390, 768, 1024]) {
  test.serial(`at ${width} pixels nothing runs out of the page`, async (t) => {
    const seen = await visit(t, browser, { width, height: 800 });
    if (seen === null) return;
    const { page } = seen;
    for (const view of views) {
      await page.evaluate((to) => {
        location.hash = `#${to}`;
      }, view);
      await page.waitForSelector(view === '/' ? 'tr.row' : '.device, .view-title');
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      t.true(over <= 0, `${view} is ${over} px too wide`);
    }
  });
}

test.serial('the table fits at every width, and the names keep their room', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const { page } = seen;
  for (const width of [720, 859, 860, 1023, 1024, 1239, 1240, 1280, 1399, 1400, 1419, 1420, 1700]) {
    await page.setViewportSize({ width, height: 800 });
    const name = await page.locator('td.col-name').first().boundingBox();
    t.true((name?.width ?? 0) >= 100, `${width}: the name has ${name?.width} px`);
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    t.true(over <= 0, `${width}: ${over} px too wide`);
  }
});

test.serial('on a phone a row is a card with name, state, variant and latency', async (t) => {
  const seen = await visit(t, browser, { width: 390, height: 800 });
  if (seen === null) return;
  const { page } = seen;
  const row = page.locator('tr.row').first();
  t.is(await row.evaluate((element) => element.getBoundingClientRect().height), 72);
  for (const column of ['name', 'state', 'variant', 'p95', 'rate']) {
    t.true(await row.locator(`.col-${column}`).isVisible(), column);
  }
});

test.serial('a row is exactly as high as the windowing believes', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const heights = await seen.page
    .locator('tr.row')
    .evaluateAll((rows) => [...new Set(rows.map((row) => row.getBoundingClientRect().height))]);
  t.deepEqual(heights, [36]);
});

test.serial('markup in labels, facts, reasons and log lines is text', async (t) => {
  const [first, ...rest] = makeFleet(3);
  if (!first?.reported?.serving) return t.fail('the made-up device serves nothing');
  const serving = { ...first.reported.serving, reason: injection, recipeName: injection };
  const evil = {
    ...first,
    labels: { zone: injection },
    board: injection,
    hardwareClass: injection,
    processor: injection,
    reported: { ...first.reported, reason: injection, serving, endpoint: injection },
  };
  const rollout = makeRollout([evil, ...rest]);
  const verdicts = rollout.verdicts.map((one) => ({ ...one, class: injection }));
  const seen = await visit(t, browser, {
    documents: {
      devices: [evil, ...rest],
      rollouts: [{ ...rollout, verdicts }],
      detail: (device) => {
        const detail = makeDetail(device);
        const layers = [{ name: injection, bits: 8, beforeUs: 9, afterUs: 3 }];
        return {
          ...detail,
          tuning: detail.tuning && { ...detail.tuning, layers },
          events: [
            ...detail.events.map((entry) => ({ ...entry, code: injection, message: injection })),
          ],
        };
      },
    },
  });
  if (seen === null) return;
  const { page, troubles } = seen;
  t.true((await textOf(page.locator('tr.row').first())).includes(injection));
  await page.locator('.device-link').first().click();
  await page.waitForSelector('.events');
  t.true((await textOf(page.locator('.events'))).includes(injection));
  t.true((await textOf(page.locator('.labels'))).includes(injection));
  t.true((await textOf(page.locator('.layers-table'))).includes(injection));
  await page.evaluate(() => {
    location.hash = '#/rollouts/r-3';
  });
  await page.waitForSelector('.gates-table');
  t.true((await textOf(page.locator('.gates-table'))).includes(injection));
  t.is(await page.locator('#app img, #app script').count(), 0);
  t.is(await page.evaluate(() => 'injected' in window), false);
  t.deepEqual(troubles, []);
});
