/** `fettle release list`: the releases of the agent, the newest first. */
import { ReleaseRecord } from '../../shared/protocol/releases.ts';
import { formatBytes } from '../../shared/terminal/units.ts';
import { archivedOption, archivedQuery } from '../archived.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';

export const command: Command = {
  args: [],
  options: [archivedOption, ...clientOptions],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const listing = { path: '/api/v1/releases', query: archivedQuery(context), signal };
    const items = await fetchAll(client, ReleaseRecord, listing);
    for (const release of items) io.line(releaseLine(release));
    if (items.length === 0) io.line('no release of the agent was pushed yet');
    io.result(items);
  },
};

export function releaseLine(record: ReleaseRecord): string {
  const { release, version, bundles, createdAt, archivedAt } = record;
  const parts = bundles.map(({ arch, bytes, digest }) => {
    return `${arch} ${formatBytes(bytes)} ${digest.slice(0, 19)}`;
  });
  const state = archivedAt ? '  archived' : '';
  return `release ${release}  ${version}  ${createdAt}  ${parts.join('  ')}${state}`;
}
