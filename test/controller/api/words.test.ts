/** What a mistake is answered with: where it is, what is known there, and what was meant. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { readSettings } from '../../../controller/settings.ts';
import { Problem } from '../../../shared/protocol/api.ts';
import { startTestController } from '../../support/controller.ts';
import { startDevice } from '../../support/device.ts';
import { fettle, temporaryFolder } from '../../support/fettle.ts';
import { push, pushTiny } from '../../support/push.ts';
import { writeTinyPackage } from '../../support/tiny-package.ts';

/** Method and path, body, and what it is answered with. */
const mistakes: readonly (readonly [string, object | null, RegExp])[] = [
  [
    'POST /api/v1/rollouts',
    { model: 'tiny', gates: { latencyRatoi: 2 } },
    /^body gates: expected only the members latencyRatio, .* \(did you mean latencyRatio\?\)$/,
  ],
  [
    'POST /api/v1/rollouts',
    { model: 'tiny', soak_seconds: 2 },
    /^body: expected only the members model, .*, got soak_seconds \(did you mean soakSeconds\?\)$/,
  ],
  [
    'POST /api/v1/rollouts',
    {},
    /^body model: expected a name of lower-case letters, .* or underscore, got nothing$/,
  ],
  [
    'POST /api/v1/rollouts',
    { model: 'tiny', onBreach: 'rolback' },
    /^body onBreach: expected one of pause, .*, got rolback \(did you mean rollback\?\)$/,
  ],
  [
    'POST /api/v1/rollouts',
    { model: 'tiny', waves: [{ count: 0 }] },
    /^body waves\.0\.count: expected a whole number of at least 1, got 0$/,
  ],
  [
    'POST /api/v1/webhooks',
    { name: 'chat', url: 'ftp://example.org/x' },
    /^body url: expected an address that begins with http:\/\/ or https:\/\/, got ftp:/,
  ],
  [
    'POST /api/v1/webhooks',
    { name: 'chat', url: 'chat' },
    /^body url: expected an address .*, got chat$/,
  ],
  [
    'GET /api/v1/devices?limt=5',
    null,
    /^query: expected only limit, cursor, selector, got limt \(did you mean limit\?\)$/,
  ],
  [
    'GET /api/v1/devices?limit=0',
    null,
    /^query limit: expected a whole number of at least 1 and of at most 10000, got 0$/,
  ],
  [
    'PATCH /api/v1/devices/pi-1',
    { telemetrySeconds: 'five' },
    /^body telemetrySeconds: expected .*, got five$/,
  ],
  ['GET /api/v1/devices/pi-l', null, /^device pi-l not found \(did you mean pi-1\?\)$/],
  ['GET /api/v1/models/tinny', null, /^model tinny not found \(did you mean tiny\?\)$/],
  ['GET /api/v1/models/tiny/7', null, /^model tiny 7 not found; there is 1$/],
  ['GET /api/v1/rollouts/tinny', null, /^rollout tinny not found/],
  ['POST /api/v1/rollouts', { model: 'tiyn' }, /^model tiyn not found \(did you mean tiny\?\)$/],
  ['DELETE /api/v1/webhooks/chta', null, /^webhook chta not found \(did you mean chat\?\)$/],
  ['DELETE /api/v1/tokens/anne', null, /^token anne not found \(did you mean anna\?\)$/],
];

test('a mistake is answered with its place, what is known, and the nearest name', async (t) => {
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  const { url, adminToken } = test.controller;
  await startDevice(t, { url, token: await test.enrolmentToken(), name: 'pi-1' });
  const post = (path: string, body: object) =>
    test.client.call(v.unknown(), path, { method: 'POST', body });
  await post('/api/v1/webhooks', { name: 'chat', url: 'http://127.0.0.1:9/x' });
  await post('/api/v1/tokens', { name: 'anna', role: 'viewer' });
  for (const [asked, body, wanted] of mistakes) {
    const [method = '', path = ''] = asked.split(' ');
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
    const given = body === null ? {} : { body: JSON.stringify(body) };
    const sent =
      method === 'GET' || body !== null ? headers : { authorization: headers.authorization };
    const answer = await fetch(url + path, { method, headers: sent, ...given });
    const { detail } = v.parse(Problem, await answer.json());
    t.regex(detail, wanted, `${asked} ${JSON.stringify(body)}`);
  }
});

test('so is one in a manifest and in a recipe', async (t) => {
  const test = await startTestController(t);
  const folder = await writeTinyPackage(temporaryFolder(t));
  const manifest = { name: 'tiny', model: 'model.onnx', inputs: { x: { lay_out: 'nchw' } } };
  writeFileSync(join(folder, 'fettle.json'), JSON.stringify(manifest));
  await t.throwsAsync(push(test.client, folder), {
    message: /fettle\.json: inputs\.x: expected only the members .* \(did you mean layout\?\)$/,
  });
  const recipe = join(folder, 'recipe.json');
  writeFileSync(recipe, JSON.stringify({ v: 1, bits: 8, calibrater: 'mse' }));
  const args = ['compress', 'model.onnx', '--recipe', 'recipe.json', '--out', 'out.onnx'];
  const { stderr } = await fettle(args, { home: folder });
  t.regex(
    stderr,
    /recipe\.json: it: expected only the members .*, got calibrater \(did you mean calibrator\?\)/,
  );
});

test('so is one in a variable', async (t) => {
  t.throws(() => readSettings({}, { FETTLE_CONTROLLER_BROKER_PROT: '1' }), {
    code: 'BAD_SETTING',
    message: /got FETTLE_CONTROLLER_BROKER_PROT \(did you mean FETTLE_CONTROLLER_BROKER_PORT\?\)$/,
  });
  const home = temporaryFolder(t);
  const agent = (env: Readonly<Record<string, string>>) =>
    fettle(['agent', '--enrol-only'], { home, env });
  const { stderr } = await agent({ FETTLE_AGENT_HTTP_PROT: '1' });
  t.regex(
    stderr,
    /BAD_SETTING.*got FETTLE_AGENT_HTTP_PROT \(did you mean FETTLE_AGENT_HTTP_PORT\?\)/,
  );
  const other = await agent({ FETTLE_AGENT_ALLOW_DOWNTIME: 'maybe' });
  t.regex(other.stderr, /FETTLE_AGENT_ALLOW_DOWNTIME: expected true or false, got maybe/);
});
