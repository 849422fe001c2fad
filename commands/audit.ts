/** `fettle audit`: who changed what, oldest first; with `--verify`, whether the log is whole. */
import * as v from 'valibot';
import { FettleError } from '../shared/errors.ts';
import type { HttpClient } from '../shared/http-client.ts';
import { AuditEntry, AuditVerdict } from '../shared/protocol/people.ts';
import { clientOptions, connect, numberOption } from './client.ts';
import type { Command, CommandContext } from './command.ts';

const Entries = v.object({ items: v.array(AuditEntry) });

export const command: Command = {
  args: [],
  options: [
    { flags: '--last <n>', help: 'how many (100)' },
    { flags: '--verify', help: 'check that no entry was edited or taken out' },
    ...clientOptions,
  ],
  async run(context) {
    const client = await connect(context);
    if (context.options.verify) return verify(context, client);
    const { io, signal } = context;
    const limit = numberOption(context, 'last', { min: 1, flag: '--last' }) ?? 100;
    const { items } = await client.call(Entries, `/api/v1/audit?limit=${limit}`, { signal });
    for (const { at, who, action, detail } of items.toReversed()) {
      io.line(`${at}  ${who.padEnd(12)}  ${action}${detail === '' ? '' : `  ${detail}`}`);
    }
    io.result(items);
  },
};

async function verify({ io, signal }: CommandContext, client: HttpClient): Promise<void> {
  const verdict = await client.call(AuditVerdict, '/api/v1/audit/verify', { signal });
  if (verdict.brokenAt !== null) {
    const reason = `entry ${verdict.brokenAt} of the log does not follow from those before it`;
    throw new FettleError('CONFLICT', { reason });
  }
  io.line(`${verdict.entries} entries, none edited or missing; the last is ${verdict.head}`);
  io.result(verdict);
}
