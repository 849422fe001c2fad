/** Backups of the controller that runs. */
import { BackupRecord } from '../../shared/protocol/backup.ts';
import { backUp } from '../backup.ts';
import type { World } from '../world.ts';
import { type Api, addRoute } from './route.ts';

export function addBackupRoutes(api: Api, { db, settings, now }: World): void {
  addRoute(api, {
    method: 'POST',
    url: '/api/v1/backups',
    summary: 'Writes a backup into the data folder of the controller',
    tag: 'controller',
    access: 'admin',
    answers: { 201: BackupRecord },
    async handle({ reply }) {
      const record = await backUp(db, settings.data, now());
      reply.code(201);
      return record;
    },
  });
}
