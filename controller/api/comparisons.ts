/** Versions of a model against those that they replace. */
import * as v from 'valibot';
import { VersionComparison } from '../../shared/protocol/comparisons.ts';
import { GateLimits } from '../../shared/protocol/rollouts.ts';
import type { Comparisons } from '../comparisons.ts';
import type { Fleet } from '../fleet.ts';
import type { Registry } from '../registry.ts';
import { ModelPath } from './models.ts';
import { type Api, addRoute, queryNumber } from './route.ts';

/** The longest time a request may wait for a measurement. */
const waitSecondsMax = 60;

export interface ComparisonDoors {
  readonly registry: Registry;
  readonly comparisons: Comparisons;
  readonly fleet: Fleet;
}

export function addComparisonRoutes(api: Api, doors: ComparisonDoors): void {
  const { registry, comparisons, fleet } = doors;
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/models/:name/:version/comparisons',
    summary: 'The version against those that devices serve now, else against the one before it',
    tag: 'models',
    access: 'viewer',
    params: ModelPath,
    query: v.object({ waitSeconds: queryNumber(0, waitSecondsMax) }),
    answers: { 200: v.object({ items: v.array(VersionComparison) }) },
    async handle({ params, query }) {
      const model = await registry.find(params.name, params.version);
      const devices = fleet.devices.values();
      const least = v.parse(GateLimits, {}).liveAgreement;
      const waitMs = (query.waitSeconds ?? 0) * 1000;
      return { items: await comparisons.replaced(model, { devices, least, waitMs }) };
    },
  });
}
