/**
 * Whether what is about to be loaded has killed this process before. A native crash leaves no word
 * behind, so that what was going on is noted beforehand: a load in the journal, and runs under way
 * in one byte of a file, which costs a request microseconds and outlives the process. Deaths count
 * only one after the other: answers in between forgive them, so that power cuts add up to nothing.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../shared/digest.ts';
import type { Journal, JournalRow } from '../journal.ts';

export interface Risk {
  /** Says that this is about to be loaded; returns how many processes have died of it so far. */
  arm(key: Digest): number;
  /** It was loaded, or could not be, and the process lives. */
  settle(): void;
  began(): void;
  ended(ok: boolean): void;
  close(): void;
}

/** Processes that may die of a variant before it is given up. */
export const deathsMax = 2;
const forgivingAnswers = 20;
const marks = { idle: '0', running: '1' } as const;

export function openRisk(dataFolder: string, journal: Journal): Risk {
  const path = join(dataFolder, 'running');
  closeSync(openSync(path, 'a', 0o600));
  const file = openSync(path, 'r+');
  let diedRunning = readMark(file) === marks.running;
  let underway = 0;
  let answers = 0;
  mark(file, marks.idle);
  return {
    arm(key) {
      const known = journal.get('risk');
      const before = known?.key === key ? known : { loads: 0, runs: 0 };
      const runs = before.runs + (diedRunning && known?.key === key ? 1 : 0);
      diedRunning = false;
      answers = 0;
      journal.change({ risk: { key, loads: before.loads + 1, runs } });
      return before.loads + runs;
    },
    settle() {
      const known = journal.get('risk');
      if (known) journal.change({ risk: { ...known, loads: 0 } });
    },
    began() {
      underway += 1;
      if (underway === 1) mark(file, marks.running);
    },
    ended(ok) {
      underway -= 1;
      if (underway === 0) mark(file, marks.idle);
      if (!ok) return;
      answers += 1;
      const known = answers === forgivingAnswers ? journal.get('risk') : null;
      if (known && known.runs > 0) forgive(journal, known);
    },
    close() {
      mark(file, marks.idle);
      closeSync(file);
    },
  };
}

/** Requests are answered whatever the disk says: without a mark a crash is counted less well. */
function mark(file: number, text: string): void {
  try {
    writeSync(file, text, 0);
  } catch {}
}

function forgive(journal: Journal, known: JournalRow<'risk'>): void {
  try {
    journal.change({ risk: { ...known, runs: 0 } });
  } catch {}
}

function readMark(file: number): string {
  const byte = Buffer.alloc(1);
  return readSync(file, byte, 0, 1, 0) === 1 ? byte.toString() : '';
}
