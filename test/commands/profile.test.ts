import test, { type ExecutionContext } from 'ava';
import { board } from '../support/boards.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';

async function lines(t: ExecutionContext, name: string): Promise<Map<string, string>> {
  const args = ['profile', '--root', board(t, name)];
  const { code, stdout, stderr } = await fettle(args, { home: temporaryFolder(t) });
  t.is(code, 0, stderr);
  const rows = stdout
    .split('\n')
    .map((line): [string, string] => [line.slice(0, 13).trim(), line.slice(14)]);
  return new Map(rows);
}

test('for people: a Jetson', async (t) => {
  const of = await lines(t, 'jetson-xavier-nx');
  t.is(of.get('processor'), '6 × Carmel 1907.2 MHz, limited to 1420.8 MHz, schedutil');
  t.is(of.get('system'), 'Ubuntu 18.04.6 LTS arm64, Jetson Linux 32.7.3, JetPack 4.6.3');
  t.is(of.get('rails'), 'VDD_IN 3.45 W, VDD_CPU_GPU_CV 0.53 W, VDD_SOC 1.06 W');
  t.is(of.get('held back'), 'no');
});

test('for people: big and little cores', async (t) => {
  const of = await lines(t, 'rock-5b');
  const kinds = '4 × Cortex-A76 (4-7) 2352 MHz + 4 × Cortex-A55 (0-3) 1800 MHz';
  t.is(of.get('processor'), `${kinds}, ondemand`);
  t.is(of.get('memory'), '15834 MiB, 7917 MiB of zram, at 2112 MHz');
  t.is(of.get('held back'), 'yes: thermal-cpufreq-0 cools');
});
