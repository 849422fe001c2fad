/** Releases of the agent: what is pushed, and what a device may be given of it. */
import * as v from 'valibot';
import { Count, DigestText, Instant } from './fields.ts';

export const architectures = ['arm64', 'x64'] as const;
export type Architecture = (typeof architectures)[number];

export const BundleRecord = v.looseObject({
  arch: v.picklist(architectures),
  digest: DigestText,
  bytes: Count,
  unpackedBytes: Count,
});
export type BundleRecord = v.InferOutput<typeof BundleRecord>;

/** Numbered from 1, in the order in which they were pushed. */
export const ReleaseRecord = v.looseObject({
  release: Count,
  version: v.string(),
  bundles: v.array(BundleRecord),
  createdAt: Instant,
  /** Since when it is out of the lists; it is not rolled out. */
  archivedAt: v.optional(v.nullable(Instant)),
});
export type ReleaseRecord = v.InferOutput<typeof ReleaseRecord>;

/** How many times its own size a bundle has unpacked, at most. */
const growth = 4;
/** What an update leaves free for everyone else, in bytes. */
const reserve = 32 << 20;

/** Bytes that must be free on a device for a bundle of so many: it is unpacked beside itself. */
export function roomForUpdate(bytes: number): number {
  return (growth + 1) * bytes + reserve;
}

/** Digests of bundles that were uploaded before, of one version, one for an architecture. */
export const ReleaseRequest = v.strictObject({
  bundles: v.pipe(v.array(DigestText), v.minLength(1), v.maxLength(architectures.length)),
});
