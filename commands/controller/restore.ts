/** `fettle controller restore BACKUP --data FOLDER`: a controller's folder, made from a backup. */
import { resolve } from 'node:path';
import { settingTable } from '../../controller/settings.ts';
import { argument, textOption } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['BACKUP'],
  options: [{ flags: '--data <path>', help: 'the folder to make, which must be empty' }],
  async run(context) {
    const { restore } = await import('../../controller/backup.ts');
    const data = resolve(textOption(context, 'data') ?? settingTable.data.default);
    const record = await restore(resolve(argument(context, 'BACKUP')), data);
    context.io.line(`${data}: as of ${record.at}, ${record.files} files`);
    context.io.line(`Start it with: fettle controller --data ${data}`);
    context.io.result({ ...record, data });
  },
};
