/** Addresses that are told what happens, and what they are sent. */
import * as v from 'valibot';
import { Count, Instant, Name } from './fields.ts';

export const webhookEvents = ['rollout', 'device'] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

export const WebhookRequest = v.strictObject({
  name: Name,
  url: v.pipe(
    v.string(),
    v.maxLength(2000),
    v.url(),
    v.regex(/^https?:/, 'expected an address that begins with http:// or https://'),
  ),
  /** All, where it is absent. */
  events: v.optional(v.pipe(v.array(v.picklist(webhookEvents)), v.minLength(1))),
});

export const WebhookRecord = v.object({
  name: Name,
  url: v.string(),
  events: v.array(v.picklist(webhookEvents)),
  createdAt: Instant,
  /** Deliveries that wait for their turn or for a retry. */
  waiting: Count,
  /** Deliveries of the last day that the address refused for good (4xx), and the newest of them. */
  refused: Count,
  lastRefusal: v.nullable(v.object({ subject: v.string(), answer: v.string() })),
  /** Deliveries given up, because too many waited or for too long. */
  dropped: Count,
  /** Why the last attempt failed; null where it did not. */
  trouble: v.nullable(v.string()),
});
export type WebhookRecord = v.InferOutput<typeof WebhookRecord>;

export const WebhookAnswer = v.object({
  ...WebhookRecord.entries,
  /** Signs what is sent; shown this once. */
  secret: v.string(),
});

/** The body of a delivery. */
export const WebhookDelivery = v.object({
  v: v.literal(1),
  /** The same at every attempt. */
  id: v.string(),
  at: Instant,
  event: v.picklist(webhookEvents),
  /** Name of the rollout or of the device. */
  subject: v.string(),
  /** What it became, and what it was; null where that is not known. */
  state: v.string(),
  before: v.nullable(v.string()),
  reason: v.string(),
});
export type WebhookDelivery = v.InferOutput<typeof WebhookDelivery>;
