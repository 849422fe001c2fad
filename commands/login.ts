/** `fettle login URL`: remembers a controller and a token for this user's later commands. */
import * as v from 'valibot';
import { clientConfigPath, findController, writeClientConfig } from '../shared/client-config.ts';
import { controllerUrl } from '../shared/controller-url.ts';
import { FettleError } from '../shared/errors.ts';
import { createHttpClient } from '../shared/http-client.ts';
import { argument, textOption } from './client.ts';
import type { Command } from './command.ts';

const Session = v.object({ role: v.string(), version: v.string(), devices: v.number() });

export const command: Command = {
  args: ['URL'],
  options: [{ flags: '--token <token>', help: 'a token of it (else FETTLE_TOKEN)' }],
  async run(context) {
    const given = { controller: argument(context, 'URL'), token: textOption(context, 'token') };
    const { url, token } = await findController(given);
    if (token === null) throw new FettleError('UNAUTHORIZED', { reason: 'no token was given' });
    const controller = controllerUrl(url, '').href.replace(/\/+$/, '');
    const client = createHttpClient({ url: controller, token });
    const { signal, io } = context;
    const session = await client.call(Session, '/api/v1/session', { signal });
    await writeClientConfig({ controller, token });
    io.line(
      `${controller}: ${session.role}, ${session.devices} devices, version ${session.version}`,
    );
    io.line(`remembered in ${clientConfigPath()}`);
    io.result({ controller, ...session });
  },
};
