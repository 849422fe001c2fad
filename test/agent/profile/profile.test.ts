import { join } from 'node:path';
import test from 'ava';
import { profileDevice } from '../../../agent/profile/profile.ts';

const devices = join(import.meta.dirname, '../../fixtures/devices');

function recorded(name: string) {
  return profileDevice({ device: name, root: join(devices, name), probes: false });
}

const expected = {
  'raspberry-pi-4': {
    hardwareClass: /^arm64-asimd-4c-4g-[0-9a-f]{4}$/,
    board: 'Raspberry Pi 4 Model B Rev 1.4',
    model: 'Cortex-A72 ×4',
    cores: 4,
    quotaCores: null,
    features: ['asimd'],
    frequencyMHzMax: 1800,
    limitMiB: null,
    temperatures: [{ name: 'cpu-thermal', celsius: 48.686 }],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [{ kind: 'gpu', name: 'v3d' }],
  },
  'raspberry-pi-5': {
    hardwareClass: /^arm64-asimddp-4c-8g-/,
    board: 'Raspberry Pi 5 Model B Rev 1.0',
    model: 'Cortex-A76 ×4',
    cores: 4,
    quotaCores: null,
    features: ['asimd', 'asimdhp', 'fphp', 'asimddp'],
    frequencyMHzMax: 2400,
    limitMiB: null,
    temperatures: [
      { name: 'cpu-thermal', celsius: 55.05 },
      { name: 'rp1_adc', celsius: 51.23 },
    ],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [],
  },
  'jetson-orin-nano': {
    hardwareClass: /^arm64-asimddp-6c-8g-/,
    board: 'NVIDIA Jetson Orin Nano Developer Kit',
    model: 'Cortex-A78AE ×6',
    cores: 6,
    quotaCores: null,
    features: ['asimd', 'asimdhp', 'fphp', 'asimddp'],
    frequencyMHzMax: 1510.4,
    limitMiB: null,
    temperatures: [
      { name: 'CPU-therm', celsius: 47.406 },
      { name: 'GPU-therm', celsius: 46.187 },
      { name: 'tj-therm', celsius: 47.406 },
    ],
    power: { source: null, batteryPercent: null, mode: '15W', watts: 4.828544 },
    accelerators: [{ kind: 'gpu', name: 'Orin GPU (Ampere)' }],
  },
  'vm-x64': {
    hardwareClass: /^x64-avx512vnni-3c-2g-/,
    board: 'QEMU Standard PC (Q35 + ICH9, 2009)',
    model: 'AMD EPYC 9B14',
    cores: 3,
    quotaCores: null,
    features: [
      ...['sse4_1', 'avx', 'avx2', 'fma', 'f16c'],
      ...['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16'],
    ],
    frequencyMHzMax: null,
    limitMiB: 2048,
    temperatures: [],
    power: { source: 'battery', batteryPercent: 81, mode: null, watts: null },
    accelerators: [{ kind: 'gpu', name: 'NVIDIA T4' }],
  },
  'container-quota': {
    hardwareClass: /^x64-avx512vnni-1\.5c-512m-/,
    board: null,
    model: 'AMD EPYC 9B14',
    cores: 8,
    quotaCores: 1.5,
    features: [
      ...['sse4_1', 'avx', 'avx2', 'fma', 'f16c'],
      ...['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16'],
    ],
    frequencyMHzMax: null,
    limitMiB: 512,
    temperatures: [],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [],
  },
  nonsense: {
    hardwareClass: /^\w+-base-1c-1m-/,
    board: null,
    model: 'unknown',
    cores: 1,
    quotaCores: null,
    features: [],
    frequencyMHzMax: null,
    limitMiB: null,
    temperatures: [],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [],
  },
} as const;

for (const [name, facts] of Object.entries(expected)) {
  test(`${name}: what its files say`, async (t) => {
    const profile = await recorded(name);
    t.regex(profile.hardwareClass, facts.hardwareClass);
    t.is(profile.board, facts.board);
    const { model, cores, quotaCores, features, frequencyMHzMax } = profile.processor;
    t.deepEqual(
      { model, cores, quotaCores, features, frequencyMHzMax },
      {
        ...{ model: facts.model, cores: facts.cores, quotaCores: facts.quotaCores },
        ...{ features: [...facts.features], frequencyMHzMax: facts.frequencyMHzMax },
      },
    );
    t.is(profile.memory.limitMiB, facts.limitMiB);
    t.deepEqual(profile.temperatures, [...facts.temperatures]);
    t.like(profile.power, facts.power);
    t.deepEqual(profile.accelerators, [...facts.accelerators]);
    t.is(profile.probes, null);
  });
}

test('what cannot be read is listed with the reason', async (t) => {
  const { missing } = await recorded('nonsense');
  const reasons = Object.fromEntries(missing.map(({ what, reason }) => [what, reason]));
  t.like(reasons, {
    board: 'neither a device tree nor DMI names it',
    'processor.model': '/proc/cpuinfo names none',
    'processor.features': '/proc/cpuinfo lists none',
    'memory.totalMiB': '/proc/meminfo has no MemTotal',
    'temperature broken': '999999.999 °C is not plausible',
    'temperature deaf': 'cannot be read',
  });
});

test('a sensor that is off is told apart from one that is absent', async (t) => {
  const { missing } = await recorded('jetson-orin-nano');
  const off = missing.find(({ what }) => what === 'temperature CV0-therm');
  t.is(off?.reason, '-256 °C is not plausible');
});

test('a Jetson names its Linux, a container is known as one', async (t) => {
  t.is((await recorded('jetson-orin-nano')).os.l4t, '35.4.1');
  t.true((await recorded('container-quota')).os.container);
  t.false((await recorded('vm-x64')).os.container);
});

test("the device's own settings lower what it may use, and change its class", async (t) => {
  const root = join(devices, 'raspberry-pi-4');
  const limits = { cores: 1, memoryMiB: 512 };
  const whole = await recorded('raspberry-pi-4');
  const limited = await profileDevice({ device: 'limited', root, limits, probes: false });
  t.is(limited.processor.quotaCores, 1);
  t.is(limited.memory.limitMiB, 512);
  t.regex(limited.hardwareClass, /^arm64-asimd-1c-512m-/);
  t.not(limited.hardwareClass, whole.hardwareClass);
});

test('probes measure this machine and try its providers', async (t) => {
  const profile = await profileDevice({ device: 'here', probes: true });
  t.true(profile.providers.includes('cpu'));
  t.truthy(profile.probes);
  for (const figure of ['float32Gmacs', 'int8Gmacs', 'memoryGiBs'] as const) {
    t.true((profile.probes?.[figure] ?? 0) > 0, figure);
  }
  t.regex(profile.runtimeVersion, /^\d+\.\d+\.\d+$/);
  t.deepEqual(
    profile.missing.filter(({ what }) => what === 'probes' || what === 'providers'),
    [],
  );
});

test('aborted probes leave a profile without them', async (t) => {
  const profile = await profileDevice({
    device: 'here',
    probes: true,
    signal: AbortSignal.abort(),
  });
  t.is(profile.probes, null);
  t.deepEqual(profile.providers, ['cpu']);
  t.is(profile.missing.find(({ what }) => what === 'probes')?.reason, 'aborted');
});
