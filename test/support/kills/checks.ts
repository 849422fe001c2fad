/** What must hold on disk whatever was killed when. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import * as v from 'valibot';
import { digestOfFile } from '../../../shared/digest.ts';

/** Files below the folder that carry a digest as their name, and how many hold other bytes. */
export async function checkDigests(folder: string): Promise<{ files: number; broken: string[] }> {
  const broken: string[] = [];
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const digest = /(?:^|sha256[-:])([0-9a-f]{64})$/.exec(entry.name)?.[1];
    if (!entry.isFile() || digest === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    // A file may be removed while it is looked at; it may not be wrong.
    const found = await digestOfFile(path).catch(() => null);
    if (found === null) continue;
    files += 1;
    if (found !== `sha256:${digest}`) broken.push(path);
  }
  return { files, broken };
}

const Row = v.object({ device: v.string(), windows: v.number(), requests: v.number() });
export type Counted = v.InferOutput<typeof Row>;

/** What the stopped controller has counted of each device. */
export function countedRequests(controllerFolder: string): readonly Counted[] {
  const database = new Sqlite(join(controllerFolder, 'fettle.db'), { readonly: true });
  try {
    const rows = database
      .prepare(
        `select device, count(*) as windows,
           sum(json_extract(document, '$.requests')) as requests
         from windows group by device order by device`,
      )
      .all();
    return v.parse(v.array(Row), rows);
  } finally {
    database.close();
  }
}
