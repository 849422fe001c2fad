/**
 * The launcher, cut at every program that it calls, before and after: as when power goes there.
 * `current` names a version that is there at every moment, and in the end the right one runs.
 */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { productRoot } from '../../shared/product.ts';
import { temporaryFolder } from '../support/fettle.ts';

const launcher = join(productRoot(), 'deploy', 'device', 'launch.sh');
const called = ['readlink', 'sync', 'mv', 'rm'];
const [old, next] = ['1.0.0-aaaaaaaaaaaa', '1.1.0-bbbbbbbbbbbb'];
const startsMax = 3;
const cutsMax = 60;

/** What a version does once it is started; a good one ends its trial as the agent does. */
const agents = {
  good: `if [ "\${FETTLE_TRIAL:-}" = yes ]; then
    ln -s "$FETTLE_VERSION" "$FETTLE_VERSIONS/.current.new"
    mv -T "$FETTLE_VERSIONS/.current.new" "$FETTLE_VERSIONS/current"
    rm -f "$FETTLE_VERSIONS/trial"
  fi`,
  crashes: 'exit 7',
} as const;

test('a good version is current in the end, wherever power is cut', async (t) => {
  const { cuts, ends } = await cutEverywhere(temporaryFolder(t), 'good');
  t.true(cuts >= 10, `${cuts} cuts`);
  t.deepEqual([...ends], [`${next} `]);
});

test('a version that crashes is put aside, wherever power is cut', async (t) => {
  const { cuts, ends } = await cutEverywhere(temporaryFolder(t), 'crashes');
  t.true(cuts >= 20, `${cuts} cuts`);
  t.deepEqual([...ends], [`${old} ${next}`]);
});

test('a version that is not healthy in time is ended, and said to be', async (t) => {
  const place = prepare(temporaryFolder(t), 'good');
  writeFileSync(join(place.versions, next, 'bin', 'fettle'), '#!/bin/sh\nexec tail -f /dev/null\n');
  writeFileSync(join(place.versions, 'trial'), `${next} 1 0\n`);
  await boot(place, null);
  t.regex(readFileSync(join(place.versions, 'refused'), 'utf8'), /it was not healthy within 1 s/);
  t.is(await boot(place, null), old);
});

test('a trial that cannot be read is none', async (t) => {
  const place = prepare(temporaryFolder(t), 'good');
  for (const text of ['', 'x', `${next} soon 0\n`, `${next} 60\n`]) {
    writeFileSync(join(place.versions, 'trial'), text);
    t.is(await boot(place, null), old, text);
    t.false(existsSync(join(place.versions, 'trial')));
  }
});

interface Place {
  readonly folder: string;
  readonly versions: string;
  readonly bin: string;
}

async function cutEverywhere(folder: string, kind: keyof typeof agents) {
  const template = join(folder, 'template');
  mkdirSync(template);
  prepare(template, kind);
  const ends = new Set<string>();
  for (let cuts = 0; cuts < cutsMax; cuts += 1) {
    const place = placeOf(join(folder, `run-${cuts}`));
    cpSync(template, place.folder, { recursive: true, verbatimSymlinks: true });
    // An even number cuts before a call, an odd one after it.
    const cut = { call: (cuts >> 1) + 1, after: cuts % 2 === 1 };
    let runs = await bootUntilOld(place, cut);
    const reached = existsSync(join(place.folder, 'was-cut'));
    runs = await bootUntilOld(place, null);
    const refused = join(place.versions, 'refused');
    const put = existsSync(refused) ? readFileSync(refused, 'utf8').split(' ')[0] : '';
    ends.add(`${runs} ${put}`);
    rmSync(place.folder, { recursive: true });
    if (!reached) return { cuts, ends };
  }
  throw new Error('it calls more than was thought');
}

/** Starts it as often as a service manager would; what ran last. */
async function bootUntilOld(place: Place, cut: Cut | null): Promise<string> {
  let ran = '';
  for (let start = 0; start <= startsMax; start += 1) {
    ran = await boot(place, cut);
    const current = readlinkSync(join(place.versions, 'current'));
    if (!existsSync(join(place.versions, current, 'bin', 'fettle'))) throw new Error(current);
    if (existsSync(join(place.folder, 'was-cut')) && cut) return ran;
  }
  return ran;
}

function placeOf(folder: string): Place {
  return { folder, versions: join(folder, 'versions'), bin: join(folder, 'bin') };
}

function prepare(folder: string, kind: keyof typeof agents): Place {
  const place = placeOf(folder);
  for (const [name, does] of [
    [old, agents.good],
    [next, agents[kind]],
  ] as const) {
    const bin = join(place.versions, name, 'bin');
    mkdirSync(bin, { recursive: true });
    const lines = ['#!/bin/sh', `echo "$FETTLE_VERSION" >"$FETTLE_VERSIONS/../ran"`, does, ''];
    writeFileSync(join(bin, 'fettle'), lines.join('\n'), { mode: 0o755 });
  }
  symlinkSync(old, join(place.versions, 'current'));
  writeFileSync(join(place.versions, 'trial'), `${next} 60 0\n`);
  mkdirSync(place.bin);
  const brief = '#!/bin/sh\nPATH=$REAL_PATH exec sleep 0.05\n';
  writeFileSync(join(place.bin, 'sleep'), brief, { mode: 0o755 });
  for (const program of called) {
    const script = `#!/bin/sh
count=$(($(cat "$CUT_COUNT" 2>/dev/null || echo 0) + 1))
echo "$count" >"$CUT_COUNT"
[ "$count$CUT_WHEN" != "$CUT_CALL"before ] || { : >"$CUT_COUNT.cut"; kill -KILL 0; }
PATH=$REAL_PATH ${program} "$@"
code=$?
[ "$count$CUT_WHEN" != "$CUT_CALL"after ] || { : >"$CUT_COUNT.cut"; kill -KILL 0; }
exit "$code"
`;
    writeFileSync(join(place.bin, program), script, { mode: 0o755 });
  }
  return place;
}

interface Cut {
  readonly call: number;
  readonly after: boolean;
}

/** Runs it once, in a group of its own, which is killed at the cut; returns which version ran. */
async function boot(place: Place, cut: Cut | null): Promise<string> {
  const { folder, versions, bin } = place;
  const ran = join(folder, 'ran');
  rmSync(ran, { force: true });
  const count = join(folder, 'count');
  const env = {
    ...{ PATH: `${bin}:${process.env.PATH}`, REAL_PATH: process.env.PATH },
    ...{ FETTLE_VERSIONS: versions, CUT_COUNT: count, CUT_CALL: String(cut?.call ?? 0) },
    CUT_WHEN: cut?.after ? 'after' : 'before',
  };
  await new Promise<void>((resolve) => {
    execFile('setsid', ['--wait', 'sh', launcher], { env, timeout: 60_000 }, () => resolve());
  });
  if (existsSync(`${count}.cut`)) writeFileSync(join(folder, 'was-cut'), '');
  return existsSync(ran) ? readFileSync(ran, 'utf8').trim() : '';
}
