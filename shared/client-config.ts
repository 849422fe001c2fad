/** Which controller this user's commands speak to: `~/.config/fettle/client.json`. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { writeFileAtomic } from './atomic-file.ts';
import { FettleError, reasonOf } from './errors.ts';
import { encodeJson } from './json.ts';

const ClientConfig = v.object({
  /** `http://host:port`. */
  controller: v.string(),
  token: v.string(),
  /** A file with the authority of its certificate, where the usual ones do not vouch for it. */
  ca: v.optional(v.nullable(v.string())),
});
export type ClientConfig = v.InferOutput<typeof ClientConfig>;

/** XDG Base Directory Specification: `$XDG_CONFIG_HOME`, or `~/.config`. */
export function clientConfigPath(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CONFIG_HOME || join(environment.HOME ?? homedir(), '.config');
  return join(base, 'fettle', 'client.json');
}

/** null where nothing was written yet. Throws `FILE_UNREADABLE` for what can't be understood. */
export async function readClientConfig(path = clientConfigPath()): Promise<ClientConfig | null> {
  try {
    return v.parse(ClientConfig, JSON.parse(await readFile(path, 'utf8')));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    const reason = `${reasonOf(thrown)}; run: fettle login`;
    throw new FettleError('FILE_UNREADABLE', { path, reason }, { cause: thrown });
  }
}

/** For its owner only: it holds a token. */
export async function writeClientConfig(
  config: ClientConfig,
  path = clientConfigPath(),
): Promise<void> {
  await writeFileAtomic(path, `${encodeJson(config, 2)}\n`, 0o600);
}

interface Given {
  readonly controller?: string | undefined;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
}

/**
 * Where to go: the options, the environment, then what was written last. Throws
 * `CONTROLLER_UNREACHABLE`.
 */
export async function findController(
  given: Given,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ url: string; token: string | null; ca: string | null }> {
  const named = given.controller ?? environment.FETTLE_CONTROLLER;
  const saved = await readClientConfig(clientConfigPath(environment));
  const url = named ?? saved?.controller;
  if (url === undefined) {
    const reason = 'no controller is known; give --controller, or run: fettle login';
    throw new FettleError('CONTROLLER_UNREACHABLE', { url: '(none)', reason });
  }
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    const expected = 'an address such as http://localhost:8900';
    throw new FettleError('BAD_SETTING', { setting: '--controller', expected, got: url });
  }
  // A saved token is only shown to the controller that it was saved for.
  const own = saved && saved.controller === url ? saved : null;
  const ca = given.ca ?? (environment.FETTLE_CONTROLLER_CA || own?.ca);
  return {
    url,
    token: given.token ?? environment.FETTLE_TOKEN ?? own?.token ?? null,
    ca: ca === undefined || ca === null ? null : resolve(ca),
  };
}
