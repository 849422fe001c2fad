/** `fettle rollout status [ROLLOUT]`: one rollout and what it waits for, or all of them. */
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';
import { printTable } from '../rows.ts';
import { followRollout, printRollout } from './show.ts';

/** `ROLLOUT` is its id, or a model’s name: then it is the newest one of that model. */
export const command: Command = {
  args: ['[ROLLOUT]'],
  options: [
    { flags: '--watch', help: 'show its progress until it ends or pauses' },
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
      printRollout(watch ? await followRollout(client, record, context) : record, context);
      return;
    }
    const rollouts = await fetchAll(client, RolloutRecord, { path: '/api/v1/rollouts', signal });
    const rows = rollouts.map(({ id, model, version, state, members, reason }) => {
      const done = members.filter((member) => member.state === 'succeeded').length;
      return [id, `${model} ${version}`, state, `${done}/${members.length}`, reason];
    });
    printTable(io, [['ROLLOUT', 'MODEL', 'STATE', 'DONE', 'REASON'], ...rows]);
    io.result(rollouts);
  },
};
