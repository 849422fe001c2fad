/**
 * `fettle controller backup`: the running controller writes one into its data folder; with `--data`
 * it is the folder of one that does not run.
 */
import { resolve } from 'node:path';
import { BackupRecord } from '../../shared/protocol/backup.ts';
import { clientOptions, connect, textOption } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--data <path>', help: 'the data folder of a controller that does not run' },
    ...clientOptions,
  ],
  async run(context) {
    const record = await made(context);
    const mebibytes = (record.bytes / 2 ** 20).toFixed(1);
    context.io.line(`${record.path}: the database, and ${record.files} files of ${mebibytes} MiB`);
    context.io.line('It holds the secrets too: copy it to a safe place on another machine.');
    context.io.result(record);
  },
};

async function made(context: CommandContext): Promise<BackupRecord> {
  const data = textOption(context, 'data');
  const { signal } = context;
  if (data === undefined) {
    const client = await connect(context);
    // Copying takes as long as the disk does.
    const timeoutMs = 30 * 60_000;
    return await client.call(BackupRecord, '/api/v1/backups', {
      ...{ method: 'POST', signal, timeoutMs },
    });
  }
  const { backUp } = await import('../../controller/backup.ts');
  const { openSqlite } = await import('../../controller/store/sqlite.ts');
  const db = await openSqlite(resolve(data));
  try {
    return await backUp(db, resolve(data), Date.now());
  } finally {
    await db.destroy();
  }
}
