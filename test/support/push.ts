/** Pushes a tiny package the way the command does. */
import { silent } from '../../commands/output.ts';
import { pushPackage } from '../../commands/push.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { TestController } from './controller.ts';
import { type TinyOptions, writeTinyPackage } from './tiny-package.ts';

/** Returns when it is measured. */
export async function pushTiny(
  { client }: TestController,
  folder: string,
  options: TinyOptions = {},
): Promise<ModelRecord> {
  const path = await writeTinyPackage(folder, options);
  return await push(client, path);
}

export function push(client: TestController['client'], path: string): Promise<ModelRecord> {
  return pushPackage(client, path, { io: silent, signal: new AbortController().signal });
}
