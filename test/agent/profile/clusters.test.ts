import test from 'ava';
import { readClusters } from '../../../agent/profile/clusters.ts';
import { parseCpuInfo } from '../../../agent/profile/cpuinfo.ts';
import { openTree } from '../../../agent/profile/tree.ts';
import { unpackBoard } from '../../support/boards.ts';
import { temporaryFolder } from '../../support/fettle.ts';

interface Core {
  readonly part?: string;
  readonly capacity?: string;
  readonly kilohertz?: string;
}

/** The clusters of a machine with these cores. */
async function clustersOf(
  t: Parameters<typeof temporaryFolder>[0],
  cores: readonly Core[],
  files: Readonly<Record<string, string>> = {},
) {
  const root = temporaryFolder(t);
  unpackBoard(root, files);
  for (const [cpu, { capacity, kilohertz }] of cores.entries()) {
    const folder = `/sys/devices/system/cpu/cpu${cpu}`;
    unpackBoard(root, {
      ...(capacity !== undefined && { [`${folder}/cpu_capacity`]: capacity }),
      ...(kilohertz !== undefined && { [`${folder}/cpufreq/cpuinfo_max_freq`]: kilohertz }),
    });
  }
  const blocks = cores.map(({ part }, cpu) =>
    [
      `processor\t: ${cpu}`,
      ...(part ? ['CPU implementer\t: 0x41', `CPU part\t: ${part}`] : []),
    ].join('\n'),
  );
  const info = parseCpuInfo(blocks.join('\n\n'));
  const clusters = await readClusters(openTree(root), info, [...cores.keys()]);
  return clusters.map(({ name, cpus, capacity }) => ({ name, cpus, capacity }));
}

const little = { part: '0xd05', capacity: '530', kilohertz: '1800000' };
const big = { part: '0xd0b', capacity: '1024', kilohertz: '2400000' };

test('big and little cores, the big ones first', async (t) => {
  t.deepEqual(await clustersOf(t, [little, little, big, big]), [
    { name: 'Cortex-A76', cpus: [2, 3], capacity: 1024 },
    { name: 'Cortex-A55', cpus: [0, 1], capacity: 530 },
  ]);
});

test('cores of one type whose clocks differ a little are one kind', async (t) => {
  const slower = { ...big, capacity: '1002', kilohertz: '2352000' };
  t.deepEqual(await clustersOf(t, [slower, big]), [
    { name: 'Cortex-A76', cpus: [0, 1], capacity: 1024 },
  ]);
});

test('cores of one type whose clocks differ much are two', async (t) => {
  const prime = { part: '0xd44', capacity: '1024', kilohertz: '2995000' };
  const gold = { part: '0xd44', capacity: '780', kilohertz: '2200000' };
  t.deepEqual(await clustersOf(t, [gold, prime]), [
    { name: 'Cortex-X1', cpus: [1], capacity: 1024 },
    { name: 'Cortex-X1', cpus: [0], capacity: 780 },
  ]);
});

test('performance and efficiency cores of x86', async (t) => {
  const files = { '/sys/devices/cpu_core/cpus': '0-1', '/sys/devices/cpu_atom/cpus': '2-3' };
  const cores = [{ kilohertz: '5100000' }, { kilohertz: '5100000' }, {}, {}];
  t.deepEqual(await clustersOf(t, cores, files), [
    { name: 'performance core', cpus: [0, 1], capacity: null },
    { name: 'efficiency core', cpus: [2, 3], capacity: null },
  ]);
});

test('cores of which nothing is known are one kind', async (t) => {
  t.deepEqual(await clustersOf(t, [{}, { capacity: '99999', kilohertz: 'fast' }]), [
    { name: 'core', cpus: [0, 1], capacity: null },
  ]);
});
