/** `fettle device token`: a token with which new devices enrol. */
import * as v from 'valibot';
import { clientOptions, connect, labelsOption, numberOption } from '../client.ts';
import type { Command } from '../command.ts';

const Token = v.object({ id: v.string(), token: v.string(), expiresAt: v.string() });

export const command: Command = {
  args: [],
  options: [
    { flags: '--uses <n>', help: 'how many devices may enrol with it (1)' },
    { flags: '--expires-seconds <s>', help: 'how long it is good (3600)' },
    { flags: '--label <name=value...>', help: 'labels that these devices get' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const maxUses = numberOption(context, 'uses', { min: 1, flag: '--uses' });
    const expires = numberOption(context, 'expiresSeconds', { min: 1, flag: '--expires-seconds' });
    const body = {
      ...(maxUses === undefined ? {} : { maxUses }),
      ...(expires === undefined ? {} : { expiresInSeconds: expires }),
      labels: labelsOption(context, 'label'),
    };
    const path = '/api/v1/enrolment-tokens';
    const token = await client.call(Token, path, { method: 'POST', body, signal });
    io.line(token.token);
    io.line(`on the device: fettle agent --controller ${client.url} --token ${token.token}`);
    io.result({ ...token, controller: client.url });
  },
};
