/** A dry run of an update of the agents: which device would get which bundle, and which none. */
import test from 'ava';
import * as v from 'valibot';
import type { Digest } from '../../shared/digest.ts';
import { agentModel } from '../../shared/protocol/agent-model.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { profileOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushRelease } from '../support/install/bundles.ts';
import { until } from '../support/until.ts';

const other: Digest = `sha256:${'0'.repeat(64)}`;

interface Own {
  readonly arch?: string;
  /** null: it was started by hand. */
  readonly digest?: Digest | null;
  readonly freeMiB?: number;
}

test('a dry run says who would get which bundle of the agent, and who none', async (t) => {
  t.timeout(120_000);
  const fleet = await startTestController(t);
  const { url, adminToken } = fleet.controller;
  const { client } = fleet;
  const release = await pushRelease(fleet, temporaryFolder(t), { version: '0.2.0', arch: 'arm64' });
  const [bundle] = release.bundles;
  const token = await fleet.enrolmentToken(5);
  const add = async (name: string, own: Own = {}) => {
    const { arch = 'arm64', digest = other, freeMiB = 9999 } = own;
    const device = await startDevice(t, { url, token, name });
    const known = (what: string, holds: (detail: DeviceDetail) => boolean) =>
      until(`${what} of ${name}`, async () =>
        holds(await client.call(DeviceDetail, `/api/v1/devices/${name}`)),
      );
    await known('the first profile', ({ profile }) => profile !== null);
    const { os } = profileOf(name);
    const disk = { totalMiB: 9999, freeMiB };
    await device.send('profile', profileOf(name, arch, { os: { ...os, arch }, disk }));
    const standing = { state: 'current', reason: 'runs', error: null } as const;
    await device.report('idle', { agent: { version: '0.1.0', digest, revision: 0, ...standing } });
    await known('the profile', ({ profile }) => profile?.disk.freeMiB === freeMiB);
    await known('the report', ({ reported }) => reported?.agent !== undefined);
    return device;
  };
  const pi = await add('pi');
  await add('full', { freeMiB: 12 });
  await add('new', { digest: bundle?.digest ?? null });
  await add('gateway', { arch: 'x64' });
  await add('by-hand', { digest: null });

  const whom = ['--controller', url, '--token', adminToken];
  const words = ['rollout', 'start', agentModel, '--waves', '1,100%', '--dry-run', ...whom];
  const { code, stdout, stderr } = await fettle(words, { home: temporaryFolder(t) });
  t.is(code, 0, stderr);
  const short = bundle?.digest.slice(7, 19);
  const gets = `agent 0\\.1\\.0 +agent 0\\.2\\.0 for arm64, ${short}`;
  t.regex(stdout, /^fettle-agent 1 to 3 devices in 2 waves$/m);
  t.regex(stdout, new RegExp(`\\d +pi +arm64 .*${gets} +yes`));
  t.regex(stdout, new RegExp(`\\d +full +arm64 .*${gets} +no +disk: 33 MiB are needed, 12 are`));
  t.regex(stdout, new RegExp(`\\d +new +arm64 .*${gets} +yes +it runs this bundle already`));
  t.regex(stdout, /^left out, for the release has no bundle for x64: gateway$/m);
  t.regex(stdout, /^left out, for the agent was not put there by the install command: by-hand$/m);
  t.regex(stdout, /^release 1 is the agent 0\.2\.0, for arm64$/m);
  const { items } = await client.call(
    v.object({ items: v.array(v.unknown()) }),
    '/api/v1/rollouts',
  );
  t.deepEqual(items, []);
  t.deepEqual(pi.desired, []);
});
