import test from 'ava';
import { layersLabel, widestFirst } from '../../../../controller/dashboard/models/layers.ts';
import { usageOf } from '../../../../controller/dashboard/models/usage.ts';
import { variantPoints } from '../../../../controller/dashboard/models/variant-points.ts';
import { makeModels, makeVariants } from '../../../support/dashboard/catalogue.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const fleet = makeFleet(200);
const [model, older] = makeModels();
if (model === undefined || older === undefined) throw new Error('no models');

test('devices are counted by the variant and the class they serve it on', (t) => {
  const usage = usageOf(fleet, model);
  const serving = fleet.filter((one) => one.reported?.serving).length;
  t.is(usage.devices, serving);
  const sum = (counts: Iterable<number>) => [...counts].reduce((all, count) => all + count, 0);
  t.is(sum(usage.byVariant.values()), serving);
  t.is(sum(usage.byClass.map((use) => use.devices)), serving);
  t.true((usage.byClass[0]?.devices ?? 0) >= (usage.byClass[1]?.devices ?? 0));
});

test('another version has its own users', (t) => {
  t.is(usageOf(fleet, older).devices, 0);
});

test('variants become points of bytes and quality, the source among them', (t) => {
  const points = variantPoints(model, makeVariants());
  t.is(points?.points.length, 7);
  t.is(points?.floor, 0.9883 - 0.01);
  const source = points?.points.find((point) => point.id === -1);
  t.is(source?.name, 'source');
  t.is(source?.part, 'behind', 'float16 is as good and smaller');
});

test('without measured quality there is no picture', (t) => {
  t.is(variantPoints(older, makeVariants()), null);
});

test('layers are counted by their bits, and the widest are told first', (t) => {
  const layer = (name: string, bits: number) => ({ name, op: 'Conv', bits, reason: null });
  const layers = [layer('a', 8), layer('b', 32), layer('c', 8)];
  t.is(layersLabel(layers), '2 × 8\u202fbit, 1 × 32\u202fbit');
  t.is(widestFirst(layers)[0]?.name, 'b');
});
