import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { profileDevice } from '../../../agent/profile/profile.ts';
import { deviceReader } from '../../../agent/telemetry/readings.ts';
import { type BoardFiles, board } from '../../support/boards.ts';

function profile(root: string) {
  return profileDevice({ device: 'recorded', root, probes: false });
}

function recorded(t: ExecutionContext, name: string, more: BoardFiles = {}) {
  return profile(board(t, name, more));
}

const zram = (profileOf: Awaited<ReturnType<typeof profile>>) =>
  Math.round(profileOf.memory.zramMiB ?? 0);

test('Jetson Nano: rails of the old driver, GPU by its modalias, an SD card', async (t) => {
  const found = await recorded(t, 'jetson-nano');
  t.like(found, {
    board: 'NVIDIA Jetson Nano Developer Kit',
    module: 'Jetson Nano 4 GB, developer kit (p3448-0000)',
    os: { arch: 'arm64', l4t: '32.7.1', jetpack: '4.6.1' },
    processor: { model: 'Cortex-A57 ×4', frequencyMHzMax: 1479, governor: 'schedutil' },
    memory: { frequencyMHz: 1600, frequencyMHzMax: 1600 },
    disk: { kind: 'sd', device: 'mmcblk0', model: 'SC64G', wearPercent: null, freeMiB: null },
    power: {
      mode: 'MAXN',
      modes: ['MAXN', '5W'],
      watts: 2.283,
      meter: 'POM_5V_IN',
      rails: [
        { name: 'POM_5V_IN', watts: 2.283 },
        { name: 'POM_5V_GPU', watts: 0.04 },
        { name: 'POM_5V_CPU', watts: 0.361 },
      ],
      pmic: 'max77620',
    },
    accelerators: [
      {
        kind: 'gpu',
        name: 'Tegra X1 GPU (Maxwell)',
        frequencyMHz: 76.8,
        frequencyMHzMax: 921.6,
        loadPercent: 23.1,
      },
    ],
  });
  t.is(zram(found), 1978);
  t.false(found.throttling?.now);
  const names = found.temperatures.map(({ name }) => name);
  t.deepEqual(names, ['AO-therm', 'CPU-therm', 'GPU-therm'], 'the PMIC measures nothing');
  t.like(found.temperatures[1], { celsius: 36.5, throttleCelsius: 97, criticalCelsius: 102.5 });
});

test('Jetson Xavier NX: a mode that caps the clock, two DLA, the wear of its eMMC', async (t) => {
  const found = await recorded(t, 'jetson-xavier-nx');
  t.like(found, {
    module: 'Jetson Xavier NX 8 GB (p3668-0001)',
    os: { l4t: '32.7.3', jetpack: '4.6.3' },
    processor: { model: 'Carmel ×6', frequencyMHzMax: 1420.8 },
    memory: { frequencyMHz: 1600, frequencyMHzMax: 1866 },
    disk: { kind: 'emmc', model: 'DG4016', wearPercent: 20 },
    power: { mode: 'MODE_15W_6CORE', watts: 3.452, meter: 'VDD_IN' },
  });
  t.is(found.processor.clusters?.[0]?.frequencyMHzMax, 1907.2, 'what the hardware could');
  t.deepEqual(
    found.accelerators.map(({ name }) => name),
    ['Xavier GPU (Volta)', 'NVDLA 0', 'NVDLA 1'],
  );
});

test('Jetson Orin Nano: release 36, rails through hwmon, a deaf zone', async (t) => {
  const found = await recorded(t, 'jetson-orin-nano');
  t.like(found, {
    module: 'Jetson Orin Nano 8 GB, developer kit (p3767-0005)',
    os: { l4t: '36.4.3', jetpack: '6.2' },
    processor: { model: 'Cortex-A78AE ×6', frequencyMHzMax: 1344 },
    disk: { kind: 'nvme', model: 'Samsung SSD 970 EVO Plus 250GB', wearPercent: null },
    power: { mode: '25W', modes: ['15W', '25W', 'MAXN_SUPER'], meter: 'VDD_IN' },
    accelerators: [{ name: 'Orin GPU (Ampere)', frequencyMHzMax: 918, loadPercent: 4.5 }],
  });
  t.is(found.power.watts, (5032 * 960) / 1e6);
  t.is(found.power.rails?.length, 3, 'the sum of shunt voltages is no rail');
  const reasons = new Map(found.missing.map(({ what, reason }) => [what, reason]));
  t.is(reasons.get('temperature cv0-thermal'), 'cannot be read');
  t.regex(reasons.get('disk.wearPercent') ?? '', /NVMe/);
});

test('Jetson AGX Orin: no input rail, so the rails are added up', async (t) => {
  const found = await recorded(t, 'jetson-agx-orin');
  t.like(found, {
    module: 'Jetson AGX Orin, developer kit (p3701-0000)',
    os: { l4t: '35.4.1', jetpack: '5.1.2' },
    processor: { model: 'Cortex-A78AE ×8', cores: 8, frequencyMHzMax: 1728 },
    power: {
      mode: 'MODE_30W',
      meter: 'VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0 + VDDQ_VDD2_1V8AO',
    },
    disk: { kind: 'emmc', wearPercent: 10 },
  });
  const sum = (found.power.rails ?? []).reduce((watts, rail) => watts + rail.watts, 0);
  t.is(found.power.rails?.length, 4, 'what is not connected is no rail');
  t.true(Math.abs((found.power.watts ?? 0) - sum) < 1e-9);
  t.deepEqual(
    found.accelerators.map(({ name }) => name),
    ['Orin GPU (Ampere)', 'NVDLA 0', 'NVDLA 1'],
  );
  const off = found.missing.find(({ what }) => what === 'temperature CV0-therm');
  t.is(off?.reason, '-256 °C is not plausible');
});

test('Raspberry Pi 4: what its firmware remembers of a weak power supply', async (t) => {
  const found = await recorded(t, 'raspberry-pi-4');
  t.like(found, {
    board: 'Raspberry Pi 4 Model B Rev 1.4',
    module: null,
    processor: { model: 'Cortex-A72 ×4', features: ['asimd'], frequencyMHzMax: 1800 },
    disk: { kind: 'sd' },
    memory: { zramMiB: 0 },
    power: { watts: null, meter: null, mode: null },
    throttling: { now: false, reasons: [], since: ['too little voltage', 'throttled'] },
    accelerators: [{ kind: 'gpu', name: 'v3d' }],
  });
  t.regex(found.hardwareClass, /^arm64-asimd-4c-4g-/);
});

test('Raspberry Pi 5: too warm, and its class is the same as when it is cool', async (t) => {
  const warm = await recorded(t, 'raspberry-pi-5');
  t.deepEqual(warm.throttling?.reasons, ['too warm']);
  t.true(warm.throttling?.now);
  t.regex(warm.hardwareClass, /^arm64-asimddp-4c-8g-/);
  const soc = '/sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled';
  const cool = await recorded(t, 'raspberry-pi-5', { [soc]: '0' });
  t.false(cool.throttling?.now);
  t.is(cool.hardwareClass, warm.hardwareClass);
});

test('RK3588: big and little cores, GPU, NPU, and a limit by heat that is no limit', async (t) => {
  const found = await recorded(t, 'rock-5b');
  t.deepEqual(
    found.processor.clusters?.map(({ name, cpus, capacity }) => ({ name, cpus, capacity })),
    [
      { name: 'Cortex-A76', cpus: [4, 5, 6, 7], capacity: 1024 },
      { name: 'Cortex-A55', cpus: [0, 1, 2, 3], capacity: 530 },
    ],
  );
  t.like(found, {
    compatible: ['radxa,rock-5b', 'rockchip,rk3588'],
    processor: { cores: 8, frequencyMHzMax: 2352 },
    memory: { frequencyMHz: 2112 },
    disk: { kind: 'emmc', wearPercent: 30 },
    power: { watts: null, rails: [], pmic: 'rk806' },
    throttling: { now: true, reasons: ['thermal-cpufreq-0 cools'] },
  });
  t.like(found.accelerators, [
    { kind: 'gpu', name: 'Arm Mali GPU', frequencyMHzMax: 1000, loadPercent: 12 },
    { kind: 'npu', name: 'Rockchip NPU', frequencyMHzMax: 1000 },
  ]);
  t.is(zram(found), 7917);
});

test('the class does not follow temperature, load or clocks of the moment', async (t) => {
  const before = await recorded(t, 'jetson-orin-nano');
  const after = await recorded(t, 'jetson-orin-nano', {
    '/sys/class/thermal/thermal_zone0/temp': '80000',
    '/sys/class/devfreq/17000000.gpu/device/load': '990',
    '/sys/class/devfreq/17000000.gpu/cur_freq': '918000000',
    '/sys/class/hwmon/hwmon1/curr1_input': '4000',
    '/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1344000',
    '/proc/self/mountinfo': '28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  });
  t.is(after.hardwareClass, before.hardwareClass);
  const mode = await recorded(t, 'jetson-orin-nano', { '/var/lib/nvpmodel/status': 'pmode:0000' });
  t.not(mode.hardwareClass, before.hardwareClass, 'the power mode decides speed');
});

test('telemetry reads the same boards: hottest sensor, clock, throttling, watts', async (t) => {
  const read = (name: string) => deviceReader('/', { root: board(t, name) })();
  t.like(await read('jetson-nano'), {
    temperatureC: 44.5,
    frequencyMHz: 1224,
    throttled: false,
    powerW: 2.283,
    gpuLoad: 0.231,
    rails: [{ name: 'POM_5V_IN' }, { name: 'POM_5V_GPU' }, { name: 'POM_5V_CPU' }],
  });
  t.like(await read('raspberry-pi-5'), { temperatureC: 84.85, throttled: true });
  t.like(await read('rock-5b'), { temperatureC: 78.615, throttled: true, gpuLoad: 0.12 });
  t.is((await read('rock-5b')).powerW, undefined);
});

test('a board that shows next to nothing says what is missing', async (t) => {
  const found = await recorded(t, 'sparse');
  t.is(found.processor.model, 'ARM 0x99:0xfff ×1');
  t.is(found.os.arch, 'arm64');
  t.is(found.memory.totalMiB, 496.5);
  const missing = found.missing.map(({ what }) => what);
  for (const what of ['board', 'temperatures', 'memory.availableMiB', 'disk.kind', 'power.watts']) {
    t.true(missing.includes(what), what);
  }
  t.true(missing.includes('processor.frequencyMHzMax'));
});

test('nonsense gives a partial profile, and nothing of it is believed', async (t) => {
  const found = await recorded(t, 'nonsense');
  t.like(found, {
    os: { l4t: null, jetpack: null },
    board: null,
    module: null,
    compatible: [],
    processor: { cores: 1, frequencyMHzMax: null, governor: null, features: ['asimd'] },
    memory: { totalMiB: 0, zramMiB: 0 },
    temperatures: [],
    throttling: { now: null, cooling: [] },
    power: { source: null, batteryPercent: null, watts: null, rails: [], modes: [], mode: null },
    disk: { wearPercent: null },
  });
  t.deepEqual(found.accelerators, [{ kind: 'gpu', name: 'Tegra X1 GPU (Maxwell)' }]);
  t.like(Object.fromEntries(found.missing.map(({ what, reason }) => [what, reason])), {
    'temperature hot': '999999.999 °C is not plausible',
    'temperature deaf': 'cannot be read',
    'memory.totalMiB': '/proc/meminfo has no MemTotal',
    'processor.cores': '/proc/self/status has no valid Cpus_allowed_list',
  });
});

test('endless files, loops, pipes and closed files end in a partial profile', async (t) => {
  const root = board(t, 'rock-5b');
  const place = (path: string) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    return file;
  };
  symlinkSync('/dev/zero', place('/sys/class/thermal/thermal_zone7/temp'));
  symlinkSync('/dev/urandom', place('/etc/nv_tegra_release'));
  symlinkSync('thermal_zone9', place('/sys/class/thermal/thermal_zone9'));
  symlinkSync('..', place('/sys/class/hwmon/hwmon0'));
  execFileSync('mkfifo', [place('/sys/class/hwmon/hwmon1/name')]);
  const closed = place('/sys/class/thermal/thermal_zone8/temp');
  writeFileSync(closed, 'secret');
  chmodSync(closed, 0);
  const found = await profile(root);
  t.is(found.processor.cores, 8, 'the rest is read');
  t.is(found.os.l4t, null);
  t.is(found.temperatures.length, 3);
  const missing = found.missing.map(({ what }) => what);
  for (const zone of ['thermal_zone7', 'thermal_zone8', 'thermal_zone9']) {
    t.true(missing.includes(`temperature ${zone}`), zone);
  }
});
