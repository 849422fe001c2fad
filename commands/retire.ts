/** What the commands share that archive, restore and remove what is no longer wanted. */
import { FettleError } from '../shared/errors.ts';
import { Archived, RemovalPlan, Removed } from '../shared/protocol/removal.ts';
import { formatBytes } from '../shared/terminal/units.ts';
import { clientOptions, connect } from './client.ts';
import type { Command, CommandContext } from './command.ts';

export type Kind = 'model' | 'rollout' | 'release';

const kinds: Readonly<Record<Kind, { path: string; args: readonly string[] }>> = {
  model: { path: 'models', args: ['NAME', '[VERSION]'] },
  rollout: { path: 'rollouts', args: ['ROLLOUT'] },
  release: { path: 'releases', args: ['RELEASE'] },
};

/** Without a version it is all of the model. */
export function removing(kind: Kind): Command {
  return {
    args: kinds[kind].args,
    options: [{ flags: '--dry-run', help: 'only say what would go' }, ...clientOptions],
    async run(context) {
      const { io, signal } = context;
      const client = await connect(context);
      const url = urlOf(kind, context);
      if (context.options.dryRun === true) {
        const plan = await client.call(RemovalPlan, `${url}/removal`, { signal });
        io.line(sayRemoved(plan, 'would be removed'));
        for (const need of plan.needs) io.line(`not yet: ${need}`);
        return io.result(plan);
      }
      const removed = await client.call(Removed, url, { method: 'DELETE', signal });
      io.line(sayRemoved(removed, 'is removed'));
      io.result(removed);
    },
  };
}

const done = {
  archive: 'is archived: it is out of the lists and gives nothing to devices',
  restore: 'is back in the lists',
} as const;

export function archiving(kind: Kind, action: keyof typeof done): Command {
  return {
    args: kinds[kind].args,
    options: clientOptions,
    async run(context) {
      const { io, signal } = context;
      const client = await connect(context);
      const url = `${urlOf(kind, context)}/${action}`;
      const answer = await client.call(Archived, url, { method: 'POST', signal });
      io.line(`${answer.what} ${done[action]}`);
      io.result(answer);
    },
  };
}

/** `tiny 3 is removed, with 2 variants and 5 files (1.2 MB)`. */
function sayRemoved({ what, variants, files, bytes }: Removed, verb: string): string {
  const parts = [
    ...(variants > 0 ? [counted(variants, 'variant')] : []),
    ...(files > 0 ? [`${counted(files, 'file')} (${formatBytes(bytes)})`] : []),
  ];
  return `${what} ${verb}${parts.length > 0 ? `, with ${parts.join(' and ')}` : ''}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Throws `BAD_ARGUMENT`. */
function urlOf(kind: Kind, { args }: CommandContext): string {
  const { path, args: names } = kinds[kind];
  const given = names.flatMap((name) => {
    const plain = name.replace(/[[\]]/g, '');
    const value = args[plain];
    if (value !== undefined && plain !== 'ROLLOUT' && plain !== 'NAME') requireNumber(plain, value);
    return value === undefined ? [] : [encodeURIComponent(value)];
  });
  return `/api/v1/${path}/${given.join('/')}`;
}

function requireNumber(what: string, got: string): void {
  if (/^\d{1,9}$/.test(got)) return;
  throw new FettleError('BAD_ARGUMENT', { what, expected: 'a number', got });
}
