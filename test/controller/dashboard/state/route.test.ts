import test from 'ava';
import {
  deviceHref,
  fleetHref,
  modelHref,
  parseRoute,
  rolloutHref,
} from '../../../../controller/dashboard/state/route.ts';

test('every address leads back to its view', (t) => {
  t.deepEqual(parseRoute(deviceHref('hall/1 ?#')), { view: 'device', device: 'hall/1 ?#' });
  t.deepEqual(parseRoute(modelHref('digits', 3)), { view: 'model', name: 'digits', version: 3 });
  t.deepEqual(parseRoute(rolloutHref('r-1')), { view: 'rollout', id: 'r-1' });
  const fleet = parseRoute(fleetHref(new URLSearchParams({ q: 'zone=hall & state=failed' })));
  t.is(fleet.view === 'fleet' ? fleet.query.get('q') : '', 'zone=hall & state=failed');
});

test('the root is the fleet', (t) => {
  for (const fragment of ['', '#', '#/']) t.is(parseRoute(fragment).view, 'fleet');
});

test('lists have their own views', (t) => {
  t.is(parseRoute('#/models').view, 'models');
  t.is(parseRoute('#/rollouts').view, 'rollouts');
});

test('what names no view is said to be unknown', (t) => {
  for (const fragment of ['#/x', '#/devices', '#/models/a', '#/models/a/b', '#/%E0%A4%A']) {
    t.is(parseRoute(fragment).view, 'unknown', fragment);
  }
});
