/** `fettle login URL`: remembers a controller and a token for this user's later commands. */
import * as v from 'valibot';
import { clientConfigPath, findController, writeClientConfig } from '../shared/client-config.ts';
import { controllerUrl } from '../shared/controller-url.ts';
import { FettleError } from '../shared/errors.ts';
import { createHttpClient } from '../shared/http-client.ts';
import { argument, textOption } from './client.ts';
import type { Command } from './command.ts';
import { controllerCaOption } from './controller-ca.ts';

const Session = v.object({ role: v.string(), version: v.string(), devices: v.number() });

export const command: Command = {
  args: ['URL'],
  options: [
    { flags: '--token <token>', help: 'a token of it (else FETTLE_TOKEN)' },
    controllerCaOption,
  ],
  async run(context) {
    const { url, token, ca } = await findController({
      controller: argument(context, 'URL'),
      token: textOption(context, 'token'),
      ca: textOption(context, 'controllerCa'),
    });
    if (token === null) throw new FettleError('UNAUTHORIZED', { reason: 'no token was given' });
    const controller = controllerUrl(url, '').href.replace(/\/+$/, '');
    const client = createHttpClient({ url: controller, token, ca });
    const { signal, io } = context;
    const session = await client.call(Session, '/api/v1/session', { signal });
    await writeClientConfig({ controller, token, ...(ca === null ? {} : { ca }) });
    io.line(
      `${controller}: ${session.role}, ${session.devices} devices, version ${session.version}`,
    );
    io.line(`remembered in ${clientConfigPath()}`);
    io.result({ controller, ...session });
  },
};
