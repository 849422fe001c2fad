/** The page in a real browser: what it shows, that it stays live, and how it is used. */
import test from 'ava';
import { createBrowser, textOf, visit } from '../../../support/dashboard/browser/visit.ts';
import { makeRollout } from '../../../support/dashboard/catalogue.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';
import { until } from '../../../support/until.ts';

const browser = createBrowser();
test.after.always(browser.close);

test.serial('the fleet shows a row a device, and the token leaves the address', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const { page, server, troubles } = seen;
  t.is(await page.locator('table.fleet tr.row').count(), 12);
  t.false(page.url().includes(server.token));
  const row = page.locator('tr[data-device="hall-1-cam-1"]');
  const text = await textOf(row);
  for (const part of ['serving', 'arm64-i8mm-4c-8g-91c0', 'digits@3', 'int8', '8 bit', '0.27×']) {
    t.true(text.includes(part), part);
  }
  t.regex(text, /\d ms[\s\S]*\d ms[\s\S]*\/s[\s\S]*MiB[\s\S]*°C/);
  t.regex(await textOf(page.locator('.strip')), /running[\s\S]*digits@3[\s\S]*waits for 2/);
  t.is(await textOf(page.locator('.health.sign-serving b')), await servingCount(page));
  t.deepEqual(troubles, []);
});

test.serial('a viewer sees a rollout without its buttons', async (t) => {
  const seen = await visit(t, browser, {
    documents: { role: 'viewer' },
    to: `/rollouts/${makeRollout(makeFleet(12)).id}`,
  });
  if (seen === null) return;
  const { page } = seen;
  await until('the reason', async () => /viewer/.test(await textOf(page.locator('main'))));
  t.is(await page.getByRole('button', { name: 'Pause' }).count(), 0);
});

test.serial('a live event changes the cell', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const { page, server } = seen;
  const device = server.documents.devices.find((one) => one.device === 'hall-1-cam-1');
  if (!device?.recent) return t.fail('no telemetry in the made-up fleet');
  const recent = { ...device.recent, latencyMsP50: 123 };
  server.publish('reading', device.device, { device: device.device, lastSeen: null, recent });
  const cell = page.locator('tr[data-device="hall-1-cam-1"] .col-p50');
  await until('the new latency', async () => (await textOf(cell)).startsWith('123'));
  server.publish('device', 'a-new-one', { ...device, device: 'a-new-one' });
  await page.waitForSelector('tr[data-device="a-new-one"]');
  t.is(await page.locator('table.fleet tr.row').count(), 13);
});

test.serial('a device shows its choice, the reason and the trials', async (t) => {
  const seen = await visit(t, browser, { to: '/devices/hall-1-cam-1' });
  if (seen === null) return;
  const { page, server, troubles } = seen;
  await page.waitForSelector('.front');
  t.regex(await textOf(page.locator('.why-what')), /digits@3 as int8/);
  const reason = page.locator('.why-reason');
  t.regex(await textOf(reason), /3\.24 times as fast as the source$/);
  const why = page.locator('section.why');
  t.notRegex(await textOf(reason), /source's best|refused/, 'the proof is for who asks');
  await why.getByText('What that rests on').click();
  t.regex(await textOf(why), /source's best[\s\S]*was refused/);
  t.regex(
    await textOf(why),
    /Against version 2[\s\S]*−0\.19 points lost[\s\S]*98\.42 % with version 2/,
  );
  t.regex(await textOf(why), /on golden inputs\s*15 of 16/);
  t.is(await page.locator('.point-chosen').count(), 1);
  t.is(await page.locator('.ring').count(), 1);
  t.regex((await page.locator('.front > desc').textContent()) ?? '', /The choice is int8 with 4/);
  await page.getByText('All trials as a table').click();
  const rows = page.locator('.trials-details tbody tr');
  t.is(await rows.count(), 22);
  t.is(await page.locator('.row-chosen').count(), 1);
  t.regex(await textOf(page.locator('.row-chosen')), /int8[\s\S]*4 threads[\s\S]*chosen/);
  t.regex(await textOf(rows.last()), /int2[\s\S]*3 of 16 samples agree[\s\S]*failed/);
  t.is(await page.locator('.chart canvas').count(), 8);
  t.is(await page.locator('.layers-table tbody tr').count(), 8);
  await page.getByRole('button', { name: 'Show all 14 layers' }).click();
  t.is(await page.locator('.layers-table tbody tr').count(), 14);
  await page.getByRole('button', { name: '24 h' }).click();
  await until('the day', () => server.calls.some((call) => call.endsWith('/telemetry')));
  await until('its charts', async () => (await page.locator('.chart canvas').count()) === 8);
  t.regex(await textOf(page.locator('.layers-table')), /Channels[\s\S]*24 of 32/);
  const power = page.locator('.chart', { hasText: 'Power' });
  t.regex(await textOf(power), /VDD_IN[\s\S]*VDD_CPU[\s\S]*VDD_GPU/);
  const facts = await textOf(page.locator('.facts'));
  t.regex(facts, /Radxa Rock 5B/);
  t.regex(facts, /\d × Cortex-A76 to 2\.26\sGHz \+ \d × Cortex-A55 to 1\.80\sGHz/);
  t.regex(facts, /VDD_IN 5\.42\sW, VDD_CPU 2\.98\sW/);
  t.regex(facts, /now: cpufreq-cpu4 cools; since it started: under-voltage/);
  t.regex(await textOf(page.locator('.missing')), /1 could not be read/);
  t.deepEqual(troubles, []);
});

test.serial('an operator changes labels, a viewer cannot', async (t) => {
  const seen = await visit(t, browser, { to: '/devices/hall-1-cam-1' });
  if (seen === null) return;
  const { page, server } = seen;
  await page.getByRole('button', { name: 'Edit labels' }).click();
  const field = page.getByRole('textbox', { name: 'Labels' });
  await field.fill('team');
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the reason', async () =>
    /expected key=value/.test(await textOf(page.locator('.label-form'))),
  );
  await field.fill('team=blue');
  await page.keyboard.press('Enter');
  await until('the call', () => server.calls.includes('PUT /api/v1/devices/hall-1-cam-1/labels'));
  await page.waitForSelector('.label');
  server.documents.role = 'viewer';
  await page.reload();
  await page.waitForSelector('.label');
  t.is(await page.getByRole('button', { name: 'Edit labels' }).count(), 0);
});

test.serial('models show their variants, rollouts their waves and gates', async (t) => {
  const seen = await visit(t, browser, { to: '/models' });
  if (seen === null) return;
  const { page, server, troubles } = seen;
  await page.getByRole('link', { name: 'digits@3' }).click();
  await until('the variants', async () => (await page.locator('.point').count()) === 7);
  t.is(await page.locator('section[aria-label="Variants"] tbody tr').count(), 7);
  await page.getByRole('link', { name: 'Rollouts' }).click();
  // Until the view has changed, a link of the same name leads elsewhere.
  await until('the rollouts', async () => (await page.title()).startsWith('Rollouts'));
  await page.getByRole('link', { name: 'digits@3' }).click();
  t.regex(await textOf(page.locator('.figures')), /Failed\s*0 acts at 3/);
  t.is(await page.locator('.gates-table tbody tr').count(), 5);
  t.regex(await textOf(page.locator('.gates-table tbody tr').first()), /0\.70×\s*≤ 2\.00×/);
  t.is(await page.locator('.wave-item').count(), 3);
  await page.getByRole('button', { name: 'Pause' }).click();
  await until('the call', () => server.calls.includes('POST /api/v1/rollouts/r-3/pause'));
  await page.getByRole('button', { name: 'Abort' }).click();
  t.false(server.calls.includes('POST /api/v1/rollouts/r-3/abort'), 'it asks first');
  await page.getByRole('button', { name: 'Abort now' }).click();
  await until('the call', () => server.calls.includes('POST /api/v1/rollouts/r-3/abort'));
  t.deepEqual(troubles, []);
});

test.serial('a rollback is asked for twice, and the keyboard is enough', async (t) => {
  const { id } = makeRollout(makeFleet(12));
  const seen = await visit(t, browser, { to: `/rollouts/${id}` });
  if (seen === null) return;
  const { page, server, troubles } = seen;
  const call = `POST /api/v1/rollouts/${id}/rollback`;
  const hasFocus = (name: string) =>
    until(`the focus on ${name}`, () =>
      page
        .getByRole('button', { name, exact: true })
        .evaluate((button) => button === button.ownerDocument.activeElement)
        .catch(() => false),
    );
  await page.getByRole('button', { name: 'Roll back' }).focus();
  await page.keyboard.press('Enter');
  await hasFocus('Keep as it is');
  t.regex(await textOf(page.locator('.actions')), /goes back to what it ran before/);
  await page.keyboard.press('Escape');
  await hasFocus('Roll back');
  t.false(server.calls.includes(call), 'nothing was done yet');
  await page.keyboard.press('Enter');
  await hasFocus('Keep as it is');
  await page.keyboard.press('Shift+Tab');
  await hasFocus('Roll back now');
  await page.keyboard.press('Enter');
  await until('the call', () => server.calls.includes(call));
  t.deepEqual(troubles, []);
});

test.serial('the keyboard alone is enough', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const { page } = seen;
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  t.is(await page.locator('tr.row-selected').getAttribute('data-device'), 'hall-1-cam-1');
  await page.locator('table.fleet').focus();
  await page.keyboard.press('End');
  const last = page.locator('tr.row-selected');
  t.is(await last.getAttribute('aria-rowindex'), '13');
  t.is(
    await page.locator('table.fleet').getAttribute('aria-activedescendant'),
    await last.getAttribute('id'),
  );
  t.true(await last.evaluate((row) => row.getBoundingClientRect().bottom <= innerHeight + 1));
  await page.keyboard.press('/');
  await page.keyboard.type('zone=roof');
  await until('the filter', async () => (await page.locator('tr.row').count()) === 3);
  await until('the address', () => page.url().includes('zone%3Droof'));
  await page.keyboard.press('Escape');
  await until('all rows again', async () => (await page.locator('tr.row').count()) === 12);
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.why');
  t.true(page.url().includes('#/devices/'));
});

test.serial('columns sort, and the address keeps filter and order', async (t) => {
  const seen = await visit(t, browser);
  if (seen === null) return;
  const { page } = seen;
  await page.getByRole('button', { name: 'p95' }).click();
  const header = page.locator('th.col-p95');
  t.is(await header.getAttribute('aria-sort'), 'descending');
  const first = await page.locator('tr.row').first().getAttribute('data-device');
  await until('the address', () => page.url().includes('sort=p95'));
  await page.reload();
  await page.waitForSelector('tr.row');
  t.is(await header.getAttribute('aria-sort'), 'descending');
  t.is(await page.locator('tr.row').first().getAttribute('data-device'), first);
});

test.serial('of ten thousand devices only those in sight are drawn', async (t) => {
  const devices = makeFleet(10_000);
  const rollouts = [makeRollout(devices.slice(0, 100))];
  const seen = await visit(t, browser, { documents: { devices, rollouts } });
  if (seen === null) return;
  const { page, server } = seen;
  t.is(server.calls.filter((call) => call === 'GET /api/v1/devices').length, 10, 'in pages');
  t.is(await page.locator('table.fleet').getAttribute('aria-rowcount'), '10001');
  t.true((await page.locator('tr.row').count()) < 80);
  await page.locator('table.fleet').focus();
  await page.keyboard.press('End');
  await page.waitForSelector('tr[data-device="yard-cam-9999"].row-selected');
  t.true((await page.locator('tr.row').count()) < 80);
  const height = await page.locator('table.fleet tbody').evaluate((body) => body.clientHeight);
  t.is(height, 360_000);
});

test.serial('without a token it asks for one', async (t) => {
  const seen = await visit(t, browser, { unknown: true });
  if (seen === null) return;
  const { page, server } = seen;
  t.is(await page.getByRole('alert').count(), 0, 'nothing was refused yet');
  await page.getByLabel('Access token').fill('wrong');
  await page.getByRole('button', { name: 'Open the fleet' }).click();
  await until('the refusal', async () =>
    /Not let in: the token is not known/.test(await textOf(page.locator('.sign-in'))),
  );
  await page.getByLabel('Access token').fill(server.token);
  await page.getByRole('button', { name: 'Open the fleet' }).click();
  await page.waitForSelector('tr.row');
  await page.reload();
  await page.waitForSelector('tr.row');
  t.pass();
});

test.serial(
  'a lost controller is told, what was known stays, and it comes back by itself',
  async (t) => {
    const seen = await visit(t, browser);
    if (seen === null) return;
    const { page, server } = seen;
    server.setDown(true);
    await page.waitForSelector('.banner');
    t.regex(await textOf(page.locator('.banner')), /No connection[\s\S]*last known state/);
    t.is(await page.locator('tr.row').count(), 12);
    server.documents.devices.splice(0, 1);
    server.setDown(false);
    await page.waitForSelector('.link-live');
    await until('the new list', async () => (await page.locator('tr.row').count()) === 11);
    t.is(await page.locator('.banner').count(), 0);
  },
);

test.serial('an empty fleet says how to begin, an unknown device that it is unknown', async (t) => {
  const documents = { devices: [], models: [], rollouts: [] };
  const seen = await visit(t, browser, { documents });
  if (seen === null) return;
  const { page } = seen;
  t.regex(await textOf(page.locator('main')), /No device has enrolled[\s\S]*fettle agent/);
  for (const [view, words] of [
    ['models', /fettle push/],
    ['rollouts', /fettle rollout start/],
    ['devices/none', /No device is called none/],
    ['nowhere', /no such page/],
  ] as const) {
    await page.evaluate((to) => {
      location.hash = `#/${to}`;
    }, view);
    await until(view, async () => words.test(await textOf(page.locator('main'))));
  }
  t.pass();
});

async function servingCount(page: import('playwright-core').Page): Promise<string> {
  return String(await page.locator('.row .col-state .badge.sign-serving').count());
}
