/** What `fettle up` keeps between two starts, and the lock that lets only one run on a folder. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeFileAtomic } from '../../shared/atomic-file.ts';
import { FettleError } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import { freePort } from './ports.ts';

const Ports = v.object({
  controller: v.number(),
  broker: v.number(),
  agents: v.record(v.string(), v.number()),
});
export type Ports = v.InferOutput<typeof Ports>;

/** The ports of settings.ts of each side: used where they are free. */
export const usualPorts = { controller: 8900, broker: 1883, firstAgent: 8910 } as const;
export type PreferredPorts = Readonly<Record<keyof typeof usualPorts, number>>;

/**
 * The ports of the last start where they are still free, otherwise others; kept for the next one.
 */
export async function choosePorts(
  folder: string,
  agents: readonly string[],
  preferred: PreferredPorts = usualPorts,
): Promise<Ports> {
  const path = join(folder, 'ports.json');
  const last = (await readPorts(path)) ?? { ...preferred, agents: {} };
  const taken = new Set<number>();
  const take = async (preferred: number) => {
    const port = await freePort(preferred, taken);
    taken.add(port);
    return port;
  };
  const ports = {
    controller: await take(last.controller),
    broker: await take(last.broker),
    agents: { ...last.agents },
  };
  for (const [index, name] of agents.entries()) {
    ports.agents[name] = await take(last.agents[name] ?? agentPort(preferred, index));
  }
  await writeFileAtomic(path, `${encodeJson(ports, 2)}\n`);
  return ports;
}

/** 0 is any free one. */
function agentPort({ firstAgent }: PreferredPorts, index: number): number {
  return firstAgent === 0 ? 0 : firstAgent + index;
}

async function readPorts(path: string): Promise<Ports | null> {
  const text = await readFile(path, 'utf8').catch(() => '{}');
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Ports), text);
  return parsed.success ? parsed.output : null;
}

/**
 * Held while the process lives: on Linux the kernel frees an abstract socket (unix(7)) however the
 * process ends. Throws `CONFLICT` where another process holds it. Elsewhere nothing is locked.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  await mkdir(folder, { recursive: true });
  if (process.platform !== 'linux') return () => {};
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const server = createServer();
  await listen(server, `\0fettle-up-${name}`, folder);
  return () => server.close();
}

function listen(server: Server, path: string, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', () => {
      const reason = `fettle up runs already on ${folder}; stop it, or give another --data`;
      reject(new FettleError('CONFLICT', { reason }));
    });
    server.listen({ path }, resolve);
    server.unref();
  });
}
