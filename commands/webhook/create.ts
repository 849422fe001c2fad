/** `fettle webhook create NAME URL`: an address that is told what happens. */
import { WebhookAnswer } from '../../shared/protocol/webhooks.ts';
import { argument, clientOptions, connect, textOption } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['NAME', 'URL'],
  options: [
    { flags: '--events <names>', help: 'rollout, device or both', default: 'rollout,device' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const events = textOption(context, 'events')?.split(',');
    const body = { name: argument(context, 'NAME'), url: argument(context, 'URL'), events };
    const options = { method: 'POST', body, signal } as const;
    const hook = await client.call(WebhookAnswer, '/api/v1/webhooks', options);
    io.line(`${hook.url} is told of: ${hook.events.join(', ')}`);
    io.line(`what it is sent is signed with ${hook.secret}`);
    io.result(hook);
  },
};
