/** Whether the controller is up, and who the caller is to it. */
import * as v from 'valibot';
import { productVersion } from '../../shared/product.ts';
import type { Metrics } from '../metrics.ts';
import type { World } from '../world.ts';
import { type Api, addRoute } from './route.ts';

const Health = v.object({ status: v.picklist(['ok', 'degraded']), broker: v.boolean() });
const Session = v.object({
  role: v.string(),
  device: v.nullable(v.string()),
  version: v.string(),
  devices: v.number(),
  online: v.number(),
});

export function addHealthRoutes(
  api: Api,
  world: World,
  doors: { readonly brokerConnected: () => boolean; readonly metrics: Metrics },
): void {
  addRoute(api, {
    method: 'GET',
    url: '/health',
    summary: 'Whether the controller works: 503 while its broker is away',
    tag: 'health',
    access: 'anyone',
    answers: { 200: Health, 503: Health },
    handle({ reply }) {
      const broker = doors.brokerConnected();
      if (!broker) reply.code(503);
      return { status: broker ? 'ok' : 'degraded', broker };
    },
  });
  api.app.get(
    '/metrics',
    { schema: { summary: 'For Prometheus', tags: ['health'] } },
    async (_, reply) => {
      const { type, body } = await doors.metrics.text();
      return reply.type(type).send(body);
    },
  );
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/session',
    summary: 'Who the token is, and which controller this is',
    tag: 'health',
    access: 'known',
    answers: { 200: Session },
    handle({ principal }) {
      const devices = [...world.fleet.devices.values()];
      return {
        role: principal?.role ?? 'anyone',
        device: principal?.role === 'device' ? principal.device : null,
        version: productVersion(),
        devices: devices.length,
        online: devices.filter((device) => device.online).length,
      };
    },
  });
}
