/** `fettle release push FILE [OTHER]`: bundles of one version, one for each architecture. */
import { digestOfFile } from '../../shared/digest.ts';
import { ReleaseRecord } from '../../shared/protocol/releases.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { releaseLine } from './list.ts';

/** The controller unpacks what it was given, to see what it is. */
const readTimeoutMs = 5 * 60_000;

export const command: Command = {
  args: ['FILE', '[OTHER]'],
  options: clientOptions,
  async run(context) {
    const { io, signal, args } = context;
    const client = await connect(context);
    const paths = [argument(context, 'FILE'), ...(args.OTHER === undefined ? [] : [args.OTHER])];
    const bundles: string[] = [];
    for (const path of paths) {
      const digest = await digestOfFile(path);
      await client.upload({ path, digest, what: path, signal, onProgress: io.progress });
      bundles.push(digest);
    }
    const asked = { method: 'POST', body: { bundles }, signal, timeoutMs: readTimeoutMs } as const;
    const release = await client.call(ReleaseRecord, '/api/v1/releases', asked);
    io.line(releaseLine(release));
    io.line('roll it out: fettle rollout start fettle-agent --selector … --waves 1,50%,100%');
    io.result(release);
  },
};
