/** `fettle rollout status [ROLLOUT]`: one rollout and what it waits for, or all of them. */

import { countMembers } from '../../shared/protocol/member-counts.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { archivedOption, archivedQuery } from '../archived.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';
import { printTable } from '../rows.ts';
import { endingOfRollout } from './ending.ts';
import { followRollout, printRollout } from './show.ts';

/** `ROLLOUT` is its id, or a model’s name: then it is the newest one of that model. */
export const command: Command = {
  args: ['[ROLLOUT]'],
  options: [
    { flags: '--watch', help: 'show its progress until it ends or needs a person' },
    archivedOption,
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const { ROLLOUT: id } = context.args;
    if (id !== undefined) {
      const path = `/api/v1/rollouts/${encodeURIComponent(id)}`;
      const record = await client.call(RolloutRecord, path, { signal });
      const watch = context.options.watch === true;
      const shown = watch ? await followRollout(client, record, context) : record;
      printRollout(shown, context);
      return watch ? endingOfRollout(shown) : 'done';
    }
    const listing = { path: '/api/v1/rollouts', query: archivedQuery(context), signal };
    const rollouts = await fetchAll(client, RolloutRecord, listing);
    const rows = rollouts.map(({ id, model, version, state, members, reason, archivedAt }) => {
      const done = countMembers(members).succeeded;
      return [
        id,
        `${model} ${version}`,
        archivedAt ? `${state}, archived` : state,
        `${done}/${members.length}`,
        reason,
      ];
    });
    printTable(io, [['ROLLOUT', 'MODEL', 'STATE', 'DONE', 'REASON'], ...rows]);
    io.result(rollouts);
    return 'done';
  },
};
