/** `fettle token create NAME`: a token for a person or a program. */
import { PersonAnswer } from '../../shared/protocol/people.ts';
import { argument, clientOptions, connect, numberOption, textOption } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['NAME'],
  options: [
    { flags: '--role <role>', help: 'viewer, operator or admin', default: 'viewer' },
    { flags: '--expires-seconds <s>', help: 'how long it is good (for ever)' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const expires = numberOption(context, 'expiresSeconds', { min: 1, flag: '--expires-seconds' });
    const body = {
      name: argument(context, 'NAME'),
      role: textOption(context, 'role'),
      ...(expires === undefined ? {} : { expiresInSeconds: expires }),
    };
    const path = '/api/v1/tokens';
    const person = await client.call(PersonAnswer, path, { method: 'POST', body, signal });
    io.line(person.token);
    io.line(`for ${person.name}: fettle login ${client.url} --token ${person.token}`);
    io.result({ ...person, controller: client.url });
  },
};
