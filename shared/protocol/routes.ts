/**
 * The controller's HTTP routes that a device calls; the controller's own list is in
 * `controller/api/`.
 */
import type { Digest } from '../digest.ts';

export const deviceRoutes = {
  /** POST `EnrolRequest` → `EnrolAnswer`. No bearer token. */
  enrol: () => '/api/v1/enrol',
  /** GET → `BrokerAnswer`: where the broker is by now. */
  broker: () => '/api/v1/broker',
  /** POST `{recipe}` → `VariantRecord` (200, or 202 while it is queued or building). */
  variants: (model: string, version: number) => `/api/v1/models/${model}/${version}/variants`,
  /** GET → `VariantRecord`; waits up to `waitSeconds` for it to become `ready` or `failed`. */
  variant: (id: string, waitSeconds: number) => `/api/v1/variants/${id}?waitSeconds=${waitSeconds}`,
  /**
   * GET → the bytes, with `Content-Length`, `ETag: "<digest>"` and ranges. Variants and golden
   * files alike.
   */
  blob: (digest: Digest) => `/api/v1/blobs/${digest}`,
} as const;
