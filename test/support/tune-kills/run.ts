/**
 * Kills a tuning at random moments, again and again, until it has been killed so often; and starts
 * the next tuning whenever one ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { VariantFile } from '../../../shared/variants.ts';
import { seeded } from '../trials/figures.ts';
import { digitsGoal, digitsSource } from '../trials/variants.ts';

export interface TuneKills {
  readonly kills: number;
  /** Tunings that came to their end. */
  readonly choices: readonly (string | null)[];
  /** Looks that were finished in one life and made again in a later one. */
  readonly repeated: readonly string[];
  readonly looks: number;
}

export interface TuneKillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly folder: string;
  readonly say?: (text: string) => void;
}

/** A life ends by itself at the latest after about this long. */
const lifeMs = 6000;
/** A tuning that does not end after so many lives stands still. */
const livesMax = 60;

export async function runTuneKills(options: TuneKillOptions): Promise<TuneKills> {
  const { folder, seed, say = () => {} } = options;
  const variants = await buildVariants(folder);
  const random = seeded(seed);
  const repeated: string[] = [];
  const choices: (string | null)[] = [];
  let kills = 0;
  let looks = 0;
  for (let tuning = 1; kills < options.kills; tuning++) {
    const state = join(folder, `state-${tuning}`);
    mkdirSync(state);
    const finished = new Set<string>();
    for (let life = 1; ; life++) {
      if (life > livesMax) throw new Error(`tuning ${tuning} did not end in ${livesMax} lives`);
      const killAfterMs = kills < options.kills ? random() * lifeMs : null;
      const { lines, killed, chosen } = await live([variants, state], killAfterMs);
      repeated.push(...lines.filter((line) => finished.has(line) && line.startsWith('look')));
      for (const line of lines) finished.add(line);
      looks += lines.length;
      if (killed) kills += 1;
      if (chosen !== undefined) {
        choices.push(chosen);
        say(`tuning ${tuning}: ${life} lives, ${finished.size} looks, chose ${chosen}`);
        break;
      }
      if (!killed) throw new Error(`tuning ${tuning} ended without a choice`);
    }
  }
  return { kills, choices, repeated, looks };
}

async function buildVariants(folder: string): Promise<string> {
  const source = await digitsSource(folder);
  const { signal } = new AbortController();
  const files: VariantFile[] = [];
  for (const recipe of (await digitsGoal()).candidates) {
    files.push(await source.get(recipe, { signal }));
  }
  const path = join(folder, 'variants.json');
  writeFileSync(path, JSON.stringify(files));
  return path;
}

interface Life {
  readonly lines: readonly string[];
  readonly killed: boolean;
  /** undefined where it did not come to that. */
  readonly chosen: string | null | undefined;
}

async function live(args: readonly string[], killAfterMs: number | null): Promise<Life> {
  const module = join(import.meta.dirname, 'tuning.ts');
  const child = spawn(process.execPath, [module, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let chosen: string | null | undefined;
  const read = createInterface({ input: child.stdout });
  read.on('line', (text) => {
    const line: { finished?: string; chosen?: string | null } = JSON.parse(text);
    if (line.finished !== undefined) lines.push(line.finished);
    if (line.chosen !== undefined) chosen = line.chosen;
  });
  const drained = once(read, 'close');
  const timer = killAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [, signal] = await once(child, 'exit');
  if (timer) clearTimeout(timer);
  await drained;
  return { lines, killed: signal === 'SIGKILL' && chosen === undefined, chosen };
}
