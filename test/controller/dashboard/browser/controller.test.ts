/** The page against the real controller, with devices that speak the true protocol. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { silent } from '../../../../commands/output.ts';
import { pushPackage } from '../../../../commands/push.ts';
import { sourceRecipe } from '../../../../shared/compress/recipe.ts';
import { VariantRecord } from '../../../../shared/protocol/api.ts';
import { RolloutRecord } from '../../../../shared/protocol/rollouts.ts';
import { startTestController } from '../../../support/controller.ts';
import { createBrowser, openPage, textOf } from '../../../support/dashboard/browser/visit.ts';
import { injection } from '../../../support/dashboard/fleet.ts';
import { startDevice } from '../../../support/device.ts';
import { tuningOf, windowOf } from '../../../support/documents.ts';
import { writeTinyPackage } from '../../../support/tiny-package.ts';
import { until } from '../../../support/until.ts';

const browser = createBrowser();
test.after.always(browser.close);

test.serial('from the first device to its choice, live', async (t) => {
  const { controller, client, folder, enrolmentToken } = await startTestController(t);
  const address = `${controller.url}/#token=${controller.adminToken}`;
  const opened = await openPage(t, browser, { address });
  if (opened === null) return;
  const { page, troubles } = opened;
  await until('the empty fleet', async () =>
    (await textOf(page.locator('main'))).includes('No device has enrolled yet'),
  );

  const token = await enrolmentToken(2);
  const { url } = controller;
  const device = await startDevice(t, { url, token, name: 'pi-1', labels: { zone: injection } });
  await page.waitForSelector('tr[data-device="pi-1"]');

  const context = { io: silent, signal: AbortSignal.timeout(120_000) };
  await pushPackage(client, await writeTinyPackage(join(folder, 'tiny')), context);
  await client.call(RolloutRecord, '/api/v1/rollouts', {
    method: 'POST',
    body: { model: 'tiny', soakSeconds: 0 },
  });
  const row = page.locator('tr[data-device="pi-1"]');
  await until('the choice', async () =>
    /serving[\s\S]*tiny@1[\s\S]*source/.test(await textOf(row)),
  );
  await until('the rollout', async () =>
    /succeeded[\s\S]*tiny@1[\s\S]*1 of 1/.test(await textOf(page.locator('.strip'))),
  );

  const goal = await device.goal(1);
  await device.send('tuning', tuningOf(goal, { v: 1, bits: 8 }));
  await device.send('telemetry', {
    ...{ v: 1, device: 'pi-1', spool: 'a', dropped: 0 },
    windows: [windowOf(1, new Date(Date.now() - 10_000)), windowOf(2, new Date(Date.now() - 5000))],
  });
  const at = new Date().toISOString();
  const event = { v: 1, device: 'pi-1', at, level: 'warn', code: 'NOTE', message: injection };
  await device.send('event', event);
  await until('the telemetry', async () => (await textOf(row.locator('.col-p50'))).includes('ms'));
  await row.locator('a').click();
  await page.waitForSelector('.front .point-chosen');
  await until('the event', async () => (await textOf(page.locator('.events'))).includes(injection));
  // As the device reported it with what serves.
  t.is(await textOf(page.locator('.why-reason')), 'the only one tried');
  t.true((await page.locator('.chart canvas').count()) >= 3);
  t.is(await page.locator('#app img').count(), 0);

  await page.getByRole('link', { name: 'tiny@1' }).click();
  await client.call(VariantRecord, '/api/v1/models/tiny/1/variants', {
    method: 'POST',
    body: { recipe: sourceRecipe },
  });
  const save = page.getByRole('button', { name: 'download' }).first();
  const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
  t.is(download.suggestedFilename(), 'tiny-1-source.onnx');
  t.deepEqual(
    await readFile(await download.path()),
    await readFile(join(folder, 'tiny/model.onnx')),
  );
  await page.goBack();

  await device.send('presence', { v: 1, device: 'pi-1', online: false, boot: 'one' });
  await until('its absence', async () =>
    (await textOf(page.locator('.title'))).includes('offline'),
  );
  t.deepEqual(troubles, []);
});

test.serial('the token of a device opens nothing', async (t) => {
  const { controller, enrolmentToken } = await startTestController(t);
  const { url } = controller;
  const device = await startDevice(t, { url, token: await enrolmentToken(), name: 'pi-1' });
  const address = `${url}/#token=${device.enrolment.deviceToken}`;
  const opened = await openPage(t, browser, { address, unknown: true });
  if (opened === null) return;
  t.regex(
    await textOf(opened.page.locator('.sign-in')),
    /it takes the role viewer, and the token has the role device/,
  );
});
