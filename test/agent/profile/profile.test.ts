import { join } from 'node:path';
import test from 'ava';
import { profileDevice } from '../../../agent/profile/profile.ts';

const devices = join(import.meta.dirname, '../../fixtures/devices');

function recorded(name: string) {
  return profileDevice({ device: name, root: join(devices, name), probes: false });
}

const expected = {
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
    t.deepEqual(
      profile.temperatures.map(({ name, celsius }) => ({ name, celsius })),
      [...facts.temperatures],
    );
    t.like(profile.power, facts.power);
    t.deepEqual(profile.accelerators, [...facts.accelerators]);
    t.is(profile.probes, null);
  });
}

test('a container is known as one', async (t) => {
  t.true((await recorded('container-quota')).os.container);
  t.false((await recorded('vm-x64')).os.container);
});

test("the device's own settings lower what it may use, and change its class", async (t) => {
  const root = join(devices, 'raspberry-pi-5');
  const limits = { cores: 1, memoryMiB: 512 };
  const whole = await recorded('raspberry-pi-5');
  const limited = await profileDevice({ device: 'limited', root, limits, probes: false });
  t.is(limited.processor.quotaCores, 1);
  t.is(limited.memory.limitMiB, 512);
  t.regex(limited.hardwareClass, /^arm64-asimddp-1c-512m-/);
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
