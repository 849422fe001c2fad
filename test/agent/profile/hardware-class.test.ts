import test from 'ava';
import {
  hardwareClass,
  type SpeedFacts,
  usableCores,
} from '../../../agent/profile/hardware-class.ts';

const facts: SpeedFacts = {
  arch: 'x64',
  identity: 'GenuineIntel/6/85',
  model: 'Intel Xeon',
  features: ['avx2', 'avx512f', 'avx512_vnni'],
  cores: 8,
  physicalCores: 4,
  quotaCores: 2,
  frequencyMHzMax: 3100,
  powerMode: null,
  totalMiB: 15_900,
  limitMiB: null,
  accelerators: [],
  providers: ['cpu'],
};

test('it reads as what people ask first', (t) => {
  t.regex(hardwareClass(facts), /^x64-avx512vnni-2c-16g-[0-9a-f]{4}$/);
});

const same: Record<string, Partial<SpeedFacts>> = {
  'the order of features': { features: ['avx512_vnni', 'avx2', 'avx512f'] },
  'a name that the firmware spells otherwise': { model: 'Intel(R) Xeon(R) CPU @ 3.10GHz' },
  'memory that the kernel keeps': { totalMiB: 16_100 },
  'a frequency rounded otherwise': { frequencyMHzMax: 3140 },
  'cores beyond the quota': { cores: 16 },
};
for (const [what, change] of Object.entries(same)) {
  test(`${what} does not change it`, (t) => {
    t.is(hardwareClass({ ...facts, ...change }), hardwareClass(facts));
  });
}

const other: Record<string, Partial<SpeedFacts>> = {
  'another processor': { identity: 'GenuineIntel/6/106' },
  'a missing feature': { features: ['avx2', 'avx512f'] },
  'another quota': { quotaCores: 1 },
  'less memory': { limitMiB: 512 },
  'another power mode': { powerMode: '15W' },
  'a lower frequency': { frequencyMHzMax: 2000 },
  'another provider': { providers: ['cpu', 'cuda'] },
};
for (const [what, change] of Object.entries(other)) {
  test(`${what} changes it`, (t) => {
    t.not(hardwareClass({ ...facts, ...change }), hardwareClass(facts));
  });
}

test('usable cores are the fewer of cores and quota, in tenths', (t) => {
  t.is(usableCores({ cores: 4, quotaCores: null }), 4);
  t.is(usableCores({ cores: 4, quotaCores: 0.5 }), 0.5);
  t.is(usableCores({ cores: 1, quotaCores: 3 }), 1);
  t.is(usableCores({ cores: 4, quotaCores: 0.01 }), 0.1);
});
