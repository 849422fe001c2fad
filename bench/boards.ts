/** What the profile and the doctor find on recorded boards, and what they cannot find there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examine } from '../agent/doctor/doctor.ts';
import { profileDevice } from '../agent/profile/profile.ts';
import { profileRows } from '../commands/profile-text.ts';
import { boardFiles, boardNames, unpackBoard } from '../test/support/boards.ts';
import type { Bench } from './bench.ts';

const facts = [
  ...['class', 'board', 'system', 'processor', 'memory', 'disk', 'temperature', 'held back'],
  ...['power', 'rails', 'accelerators'],
];

export const bench: Bench = {
  what: 'profile and doctor on recorded boards: what was found, what could not be',
  async run({ signal, note, asked }) {
    const rows: string[][] = [];
    for (const name of boardNames.filter(asked)) {
      rows.push(await rowOf(name, signal));
      note(name);
    }
    return { columns: ['recorded', ...facts, 'doctor says', 'not found'], rows, notes };
  },
};

const notes = [
  'The boards are text files in test/support/boards, in formats taken from public sources; they ' +
    'are no measurements, and the machine named here only read them.',
  'The doctor looks at files alone there: no provider is opened and nothing is reached.',
];

async function rowOf(name: string, signal: AbortSignal): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'fettle-board-'));
  try {
    unpackBoard(root, boardFiles(name));
    const profile = await profileDevice({ device: 'recorded', root, probes: false, signal });
    const checks = await examine({
      dataFolder: root,
      controller: null,
      tls: { ca: null, cert: null, key: null },
      root,
      signal,
    });
    const told = checks.filter(({ state }) => state === 'hint' || state === 'failed');
    const missing = profile.missing.filter(({ what }) => what !== 'probes');
    const texts = new Map(profileRows(profile));
    return [
      name,
      ...facts.map((fact) => texts.get(fact) ?? '–'),
      told.map(({ what, found }) => `${what}: ${found}`).join('; ') || '–',
      missing.map(({ what, reason }) => `${what} (${reason})`).join('; ') || '–',
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
