/** `fettle device token`: a token with which new devices enrol. */
import * as v from 'valibot';
import { isLoopback } from '../../shared/loopback.ts';
import { clientOptions, connect, labelsOption, numberOption, textOption } from '../client.ts';
import type { Command } from '../command.ts';

const Token = v.object({
  id: v.string(),
  token: v.string(),
  expiresAt: v.string(),
  maxUses: v.number(),
});
type Token = v.InferOutput<typeof Token>;

export const command: Command = {
  args: [],
  options: [
    { flags: '--uses <n>', help: 'how many devices may enrol with it (1)' },
    { flags: '--expires-seconds <s>', help: 'how long it is good (3600)' },
    { flags: '--label <name=value...>', help: 'labels that these devices get' },
    {
      flags: '--replace <device>',
      help: 'for the machine that takes the place and the name of this device',
    },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const maxUses = numberOption(context, 'uses', { min: 1, flag: '--uses' });
    const expires = numberOption(context, 'expiresSeconds', { min: 1, flag: '--expires-seconds' });
    const replaces = textOption(context, 'replace');
    const body = {
      ...(maxUses === undefined ? {} : { maxUses }),
      ...(expires === undefined ? {} : { expiresInSeconds: expires }),
      ...(replaces === undefined ? {} : { replaces }),
      labels: labelsOption(context, 'label'),
    };
    const path = '/api/v1/enrolment-tokens';
    const token = await client.call(Token, path, { method: 'POST', body, signal });
    const commands = deviceCommands(client.url, token.token, replaces);
    for (const line of linesOf(token, commands, client.url)) io.line(line);
    io.result({ ...token, controller: client.url, ...commands });
  },
};

interface DeviceCommands {
  /** Puts the agent on a device. */
  readonly install: string;
  /** Runs it where Fettle is there already. */
  readonly agent: string;
}

function deviceCommands(url: string, token: string, replaces?: string): DeviceCommands {
  const name = replaces === undefined ? '' : ` --name ${replaces}`;
  return {
    install: `curl -fsSL ${url}/install | sudo sh -s -- --token ${token}${name}`,
    agent: `fettle agent --controller ${url} --token ${token}${name}`,
  };
}

function linesOf(
  { token, maxUses, expiresAt }: Token,
  { install, agent }: DeviceCommands,
  url: string,
): string[] {
  const uses = maxUses === 1 ? 'one device' : `${maxUses} devices`;
  const { hostname } = new URL(url);
  return [
    token,
    `good for ${uses} until ${expiresAt}`,
    `on a device:           ${install}`,
    `where Fettle is there: ${agent}`,
    ...(isLoopback(hostname)
      ? [`${hostname} is this machine alone: for others, start the controller with --host 0.0.0.0`]
      : []),
  ];
}
