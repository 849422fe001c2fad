/** `fettle release list`: the releases of the agent, the newest first. */
import { ReleaseRecord } from '../../shared/protocol/releases.ts';
import { formatBytes } from '../../shared/terminal/units.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';

export const command: Command = {
  args: [],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const items = await fetchAll(client, ReleaseRecord, { path: '/api/v1/releases', signal });
    for (const release of items) io.line(releaseLine(release));
    if (items.length === 0) io.line('no release of the agent was pushed yet');
    io.result(items);
  },
};

export function releaseLine({ release, version, bundles, createdAt }: ReleaseRecord): string {
  const parts = bundles.map(({ arch, bytes, digest }) => {
    return `${arch} ${formatBytes(bytes)} ${digest.slice(0, 19)}`;
  });
  return `release ${release}  ${version}  ${createdAt}  ${parts.join('  ')}`;
}
