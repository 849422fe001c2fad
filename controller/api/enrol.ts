/** Tokens for devices to come, and the one request a device makes without credentials. */
import * as v from 'valibot';
import { BrokerAnswer, EnrolAnswer, EnrolRequest } from '../../shared/protocol/api.ts';
import { Instant, Labels, Name } from '../../shared/protocol/fields.ts';
import { createEnrolmentToken, enrol } from '../enrolment.ts';
import { tellOfEnrolment, tellOfRefusal } from '../enrolment-events.ts';
import { labelsOf } from '../fleet.ts';
import { instant, type World } from '../world.ts';
import { type Api, addRoute } from './route.ts';

const TokenRequest = v.strictObject({
  expiresInSeconds: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(31_536_000)),
    3600,
  ),
  maxUses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e6)), 1),
  labels: v.optional(Labels, {}),
  /** The device whose place another machine may take with it. */
  replaces: v.optional(Name),
});

const TokenAnswer = v.object({
  id: v.string(),
  /** Shown this once. */
  token: v.string(),
  expiresAt: Instant,
  maxUses: v.number(),
});

/**
 * What devices are told of the broker, given the host name under which they reached the controller.
 */
export type DeviceBroker = (hostname: string) => {
  url: string;
  /** Where all devices share one account. */
  username: string | null;
  password: string | null;
};

export interface EnrolDoors {
  readonly deviceBroker: DeviceBroker;
  /** The device has new secrets: its session ends and its retained documents are void. */
  readonly onReenrolled: (device: string) => Promise<void>;
}

export function addEnrolRoutes(api: Api, world: World, doors: EnrolDoors): void {
  const complain = tellOfRefusal(world);
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/enrolment-tokens',
    summary: 'A token with which devices may enrol',
    tag: 'enrolment',
    access: 'admin',
    body: TokenRequest,
    answers: { 201: TokenAnswer },
    async handle({ body, reply }) {
      const token = await createEnrolmentToken(world, { ...body, replaces: body.replaces ?? null });
      reply.code(201);
      const { id, maxUses } = token;
      return { id, token: token.token, expiresAt: instant(token.expiresMs), maxUses };
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/broker',
    summary: 'Where the broker is, for a device that no longer reaches it',
    tag: 'enrolment',
    access: 'known',
    answers: { 200: BrokerAnswer },
    handle: ({ request }) => ({ url: doors.deviceBroker(request.hostname).url }),
  });
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/enrol',
    summary: 'A device joins the fleet with an enrolment token',
    tag: 'enrolment',
    access: 'anyone',
    body: EnrolRequest,
    answers: { 200: EnrolAnswer },
    told: ({ body: { device, labels } }) => ({ device, labels }),
    async handle({ body, request }): Promise<EnrolAnswer> {
      const enrolled = await enrol(world, body).catch((thrown) => {
        complain(body, thrown);
        throw thrown;
      });
      tellOfEnrolment(world, body, enrolled);
      if (enrolled.joining !== 'new') await doors.onReenrolled(body.device);
      const broker = doors.deviceBroker(request.hostname);
      return {
        device: body.device,
        deviceToken: enrolled.deviceToken,
        controllerKey: world.secrets.keys.publicKeyPem,
        labels: labelsOf(enrolled.device),
        mqtt: {
          url: broker.url,
          username: broker.username ?? body.device,
          password: broker.password ?? enrolled.mqttPassword,
        },
      };
    },
  });
}
