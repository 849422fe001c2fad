import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readCgroupLimits } from '../../../agent/profile/cgroup.ts';
import { openTree } from '../../../agent/profile/tree.ts';
import { temporaryFolder } from '../../support/fettle.ts';

function treeOf(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const root = temporaryFolder(t);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return openTree(root);
}

test('version 2: the tightest limit from the group up to the root counts', async (t) => {
  const tree = treeOf(t, {
    '/proc/self/cgroup': '0::/fleet.slice/agent.service\n',
    '/proc/self/mountinfo': '27 20 0:24 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    '/sys/fs/cgroup/fleet.slice/cpu.max': '50000 100000\n',
    '/sys/fs/cgroup/fleet.slice/agent.service/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/fleet.slice/memory.max': 'max\n',
    '/sys/fs/cgroup/fleet.slice/agent.service/memory.max': '268435456\n',
  });
  t.deepEqual(await readCgroupLimits(tree), { quotaCores: 0.5, memoryMiB: 256 });
});

test('version 1: quota and period, and the number that means unlimited', async (t) => {
  const tree = treeOf(t, {
    '/proc/self/cgroup': '3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n',
    '/proc/self/mountinfo':
      '32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n' +
      '35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  t.deepEqual(await readCgroupLimits(tree), { quotaCores: 2, memoryMiB: null });
});

test('no control groups, no limits', async (t) => {
  t.deepEqual(await readCgroupLimits(treeOf(t, {})), { quotaCores: null, memoryMiB: null });
});
