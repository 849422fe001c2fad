/** What a backup of a controller is. */
import * as v from 'valibot';
import { Count, DigestText, Instant } from './fields.ts';

export const BackupRecord = v.looseObject({
  v: v.literal(1),
  at: Instant,
  /** The version of the product that wrote it. */
  product: v.string(),
  /** The folder that it was written to, on the controller's machine. */
  path: v.string(),
  /** Digest of the copy of the database. */
  database: DigestText,
  /** Files of models, data and variants. */
  files: Count,
  bytes: Count,
});
export type BackupRecord = v.InferOutput<typeof BackupRecord>;
