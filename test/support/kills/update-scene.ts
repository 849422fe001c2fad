/**
 * What an update of the agent is cut in: a device whose agent is version 1 and serves a model, and
 * two bundles of another version, a good one and one that crashes.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { digestFile, versionName } from '../../../agent/update/versions.ts';
import { type Digest, digestOf } from '../../../shared/digest.ts';
import { sign } from '../../../shared/signature.ts';
import { offerModel } from '../agent.ts';
import { kinds, programOf, writeBundle } from '../install/bundles.ts';
import type { Owner } from '../owner.ts';
import { device, type Station, startStation } from '../station/station.ts';
import { startDevice } from './device.ts';

const points = pathToFileURL(join(import.meta.dirname, 'points.ts')).href;
const [oldVersion, newVersion] = ['1.0.0', '1.1.0'];

/** Which process is asked for its points, and what it is updated to. */
export const phases = { before: 'good', trial: 'good', after: 'broken' } as const;
export type Phase = keyof typeof phases;

/** Lines of a version's program: it asks for the points of its own phase. */
const asks = (phase: string) =>
  [
    `phase=${phase}`,
    `if [ "$phase" = "\${CUT_PHASE:-}" ]; then`,
    `  export FETTLE_POINTS="$CUT_ORDER" CUT_PRELOAD="--import ${points}"`,
    'fi',
  ].join('\n');
const oldAsks = asks('$([ -f "$FETTLE_VERSIONS/refused" ] && echo after || echo before)');
const node = `\${CUT_PRELOAD:-}`;

interface Bundle {
  readonly name: string;
  readonly digest: Digest;
  readonly bytes: number;
}

export interface Prepared {
  readonly station: Station;
  readonly folder: string;
  readonly old: string;
  readonly bundles: Readonly<Record<'good' | 'broken', Bundle>>;
}

/** Version 1 is there and serves; the others can be had. */
export async function prepare(t: Owner): Promise<Prepared> {
  const station = await startStation(t);
  const folder = mkdtempSync(join(tmpdir(), 'fettle-update-lane-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const template = join(folder, 'template');
  mkdirSync(template);
  const desired = await offerModel(t, station, { version: 1 });
  const { signature: _, ...document } = desired({ revision: 1, soakSeconds: 0.2 });
  await station.publish('desired', sign({ ...document, tuningBudgetSeconds: 1 }, station.keys));
  const first = startDevice(station, join(template, 'data'), null);
  await station.reported('the model to be served', ({ state }) => state === 'serving');
  await first.stop();
  const old = versionName(oldVersion, digestOf(oldVersion));
  const own = join(template, 'versions', old);
  mkdirSync(join(own, 'bin'), { recursive: true });
  writeFileSync(join(own, digestFile), `${digestOf(oldVersion)}\n`);
  writeFileSync(join(own, 'bin', 'fettle'), programOf({ before: oldAsks, node }), { mode: 0o755 });
  symlinkSync(old, join(template, 'versions', 'current'));
  const make = async (kind: 'good' | 'broken', before: string): Promise<Bundle> => {
    const path = join(folder, `${kind}.tar.zst`);
    const { digest } = await writeBundle(path, { version: newVersion, before, node });
    station.share(path);
    return { name: versionName(newVersion, digest), digest, bytes: readFileSync(path).length };
  };
  const good = await make('good', asks('trial'));
  return { station, folder, old, bundles: { good, broken: await make('broken', kinds.crashes) } };
}

/** From now on the device is wanted to be that one. */
export async function want({ station, bundles }: Prepared, kind: 'good' | 'broken'): Promise<void> {
  station.heard.reported.length = 0;
  const { digest, bytes } = bundles[kind];
  const at = '2026-01-01T00:00:00.000Z';
  const document = {
    ...{ v: 1, device, revision: 1, at, rollout: null, release: 2, version: newVersion },
    ...{ digest, bytes, healthySeconds: 60 },
  };
  await station.publish('release', sign(document, station.keys));
}
