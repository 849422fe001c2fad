import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createQueueMeter } from '../../../agent/serve/queue-meter.ts';
import { deviceReader } from '../../../agent/telemetry/readings.ts';
import { inputRail, writeTree } from '../../support/device-tree.ts';
import { temporaryFolder } from '../../support/fettle.ts';

test('frequency, throttling and power are read where the kernel shows them', async (t) => {
  const root = temporaryFolder(t);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  };
  const read = deviceReader(root, { root });
  const bare = await read();
  t.deepEqual(Object.keys(bare).sort(), ['diskFreeMiB', 'temperatureC']);
  write('proc/self/status', 'Cpus_allowed_list:\t0-1');
  write('sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq', '1800000');
  write('sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq', '1500000');
  write('sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count', '7');
  write('sys/class/hwmon/hwmon0/name', 'ina3221');
  write('sys/class/hwmon/hwmon0/in1_label', 'VDD_IN');
  write('sys/class/hwmon/hwmon0/in1_input', '5000');
  write('sys/class/hwmon/hwmon0/curr1_input', '900');
  t.like(await read(), { frequencyMHz: 1500, powerW: 4.5 });
  t.false((await read()).throttled);
  write('sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count', '8');
  t.true((await read()).throttled);
  t.false((await read()).throttled);
  write('sys/class/thermal/cooling_device0/type', 'cpufreq-cpu0');
  write('sys/class/thermal/cooling_device0/cur_state', '2');
  t.true((await read()).throttled);
});

test('without rails the counters of the processor say what it takes', async (t) => {
  const root = temporaryFolder(t);
  let nowMs = 0;
  const read = deviceReader(root, { root, nowMs: () => nowMs });
  const zone = 'sys/class/powercap/intel-rapl:0';
  const counted = (microjoules: number) => {
    writeTree(root, { [`${zone}/energy_uj`]: microjoules });
    nowMs += 5000;
  };
  writeTree(root, { [`${zone}/name`]: 'package-0', [`${zone}/max_energy_range_uj`]: 90_000_000 });
  counted(10_000_000);
  t.is((await read()).powerW, undefined, 'nothing to compare with yet');
  counted(70_000_000);
  t.is((await read()).powerW, 12);
  counted(5_000_000);
  t.is((await read()).powerW, 5, 'the counter began anew');
  writeTree(root, inputRail(4.5));
  t.is((await read()).powerW, 4.5, 'a rail knows of more than the processor');
});

test('the fullest queue and the mean batch since the last look', (t) => {
  const meter = createQueueMeter(true);
  for (const runs of [1, 5, 2]) meter.waiting(runs);
  for (const runs of [4, 1]) meter.went(runs);
  t.deepEqual(meter.take(), { queue: 5, batch: 2.5 });
  t.deepEqual(meter.take(), { queue: 0, batch: null });
});
