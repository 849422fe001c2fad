import test from 'ava';
import { hardwareFacts, powerFacts } from '../../../../controller/dashboard/device/hardware.ts';
import { deviceProfile } from '../../../support/trials/variants.ts';

const profile = deviceProfile();

test('what is not known has no line', (t) => {
  t.deepEqual(
    hardwareFacts(profile).map(([name]) => name),
    ['Board', 'Processor', 'Instructions', 'Memory', 'Disk'],
  );
  t.deepEqual(powerFacts(profile), [['Power', 'source not known']]);
});

test('a counter that knows no watts by itself is still named', (t) => {
  const power = { ...profile.power, source: 'mains', meter: 'RAPL package' } as const;
  t.deepEqual(powerFacts({ ...profile, power }), [['Power', 'mains, by RAPL package']]);
});

test('one kind of cores needs no line of its own, but for its governor', (t) => {
  const cluster = { name: 'Cortex-A72', cores: 4, frequencyMHzMax: 1500 };
  const processor = { ...profile.processor, clusters: [cluster], governor: 'ondemand' };
  const facts = new Map(hardwareFacts({ ...profile, processor }));
  t.is(facts.get('Cores'), 'governor ondemand');
});

test('a device that is not held back says so', (t) => {
  const throttling = { now: false, reasons: [], since: [], cooling: [] };
  t.is(new Map(powerFacts({ ...profile, throttling })).get('Held back'), 'not now');
});
