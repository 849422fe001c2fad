/** Everything of the agent that lies on disk, opened together and closed together. */
import { type Files, openFiles } from './files.ts';
import { type Journal, openJournal } from './journal.ts';
import type { Log } from './log.ts';
import { openRisk, type Risk } from './serve/risk.ts';
import { openStore, type Store } from './store.ts';
import { openSpool, type Spool } from './telemetry/spool.ts';

export interface State {
  readonly store: Store;
  readonly journal: Journal;
  readonly files: Files;
  readonly risk: Risk;
  readonly spool: Spool;
  close(): void;
}

export function openState(dataFolder: string, log: Log): State {
  const store = openStore(dataFolder);
  if (store.renewed) log('error', 'agent.db was damaged: it is kept as agent.db.broken');
  const journal = openJournal(store, (text) => log('warn', text));
  const risk = openRisk(dataFolder, journal);
  return {
    store,
    journal,
    files: openFiles(dataFolder),
    risk,
    spool: openSpool(store, journal),
    close() {
      risk.close();
      store.close();
    },
  };
}
