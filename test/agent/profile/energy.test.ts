import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { startEnergyMeter } from '../../../agent/profile/energy.ts';
import { openTree } from '../../../agent/profile/tree.ts';
import { inputRail, writeTree } from '../../support/device-tree.ts';
import { temporaryFolder } from '../../support/fettle.ts';

const zone = (at: string) => `sys/class/powercap/intel-rapl:${at}`;
const counter = (at: string, name: string, microjoules: number) => ({
  [`${zone(at)}/name`]: name,
  [`${zone(at)}/energy_uj`]: microjoules,
  [`${zone(at)}/max_energy_range_uj`]: 1_000_000_000,
});

/** What the meter says where the counters stand so later. */
async function joules(root: string, later: Record<string, number>) {
  const meter = await startEnergyMeter(openTree(root));
  writeTree(root, later);
  return (await meter?.stop())?.joules;
}

test('counters of all packages, and not those within one', async (t) => {
  const root = temporaryFolder(t);
  writeTree(root, counter('0', 'package-0', 1000));
  writeTree(root, counter('0:0', 'core', 500));
  writeTree(root, counter('1', 'package-1', 0));
  writeTree(root, counter('2', 'psys', 9000));
  t.is(await joules(root, {}), 0, 'nothing was taken');
  const more = { [`${zone('0')}/energy_uj`]: 3_001_000, [`${zone('0:0')}/energy_uj`]: 2_000_000 };
  const other = { [`${zone('1')}/energy_uj`]: 1_000_000, [`${zone('2')}/energy_uj`]: 9_000_000 };
  const taken = await joules(root, { ...more, ...other });
  t.is(taken, 4);
});

test('a counter that began anew', async (t) => {
  const root = temporaryFolder(t);
  writeTree(root, counter('0', 'package-0', 999_000_000));
  const taken = await joules(root, { [`${zone('0')}/energy_uj`]: 3_000_000 });
  t.is(taken, 4);
});

test('a counter that is gone meanwhile is no figure', async (t) => {
  const root = temporaryFolder(t);
  writeTree(root, counter('0', 'package-0', 1));
  const meter = await startEnergyMeter(openTree(root));
  rmSync(join(root, zone('0')), { recursive: true });
  t.is(await meter?.stop(), null);
});

test('a rail is looked at where there is no counter that may be read', async (t) => {
  const root = temporaryFolder(t);
  writeTree(root, { ...inputRail(4.5), [`${zone('0')}/name`]: 'package-0' });
  const meter = await startEnergyMeter(openTree(root));
  const { joules: taken = 0, seconds = 0 } = (await meter?.stop()) ?? {};
  t.true(Math.abs(taken / seconds - 4.5) < 1e-6);
});

test('where nothing says it there is no meter', async (t) => {
  t.is(await startEnergyMeter(openTree(temporaryFolder(t))), null);
});
