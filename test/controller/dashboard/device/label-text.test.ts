import test from 'ava';
import {
  givenLabels,
  labelsText,
  parseLabels,
} from '../../../../controller/dashboard/device/label-text.ts';
import { makeDetail } from '../../../support/dashboard/detail.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const [summary] = makeFleet(1);
if (summary === undefined) throw new Error('no device');
const detail = makeDetail(summary);

test('labels become a line and come back', (t) => {
  const labels = { zone: 'hall', site: 'kassel', empty: '', formula: 'a=b' };
  t.deepEqual(parseLabels(labelsText(labels)), labels);
  t.deepEqual(parseLabels(' zone=hall,  site=kassel '), { zone: 'hall', site: 'kassel' });
  t.deepEqual(parseLabels(''), {});
});

test('a word without a key is no label', (t) => {
  for (const text of ['hall', '=hall', 'zone=hall roof']) {
    t.regex(String(parseLabels(text)), /expected key=value/, text);
  }
});

test('what the device says of itself is not to be changed', (t) => {
  const labels = { ...detail.profile?.labels, team: 'blue' };
  t.deepEqual(givenLabels({ ...detail, labels }), { team: 'blue' });
  t.deepEqual(givenLabels({ labels, profile: null }), labels);
});
