import test from 'ava';
import { openJournal } from '../../../agent/journal.ts';
import { deathsMax, openRisk } from '../../../agent/serve/risk.ts';
import { openStore } from '../../../agent/store.ts';
import { digestOf } from '../../../shared/digest.ts';
import { temporaryFolder } from '../../support/fettle.ts';

const key = digestOf('variant');

/** A process on a device that does something and then dies without a word. */
function life(folder: string, live: (risk: ReturnType<typeof openRisk>) => void): void {
  const store = openStore(folder);
  live(
    openRisk(
      folder,
      openJournal(store, () => {}),
    ),
  );
  store.close();
}

const arm = (risk: ReturnType<typeof openRisk>): void => {
  risk.arm(key);
};

/** How many deaths the next process is told of. */
function deaths(folder: string, of = key): number {
  let told = 0;
  life(folder, (risk) => {
    told = risk.arm(of);
    risk.settle();
    risk.close();
  });
  return told;
}

test('processes that die while loading are counted', (t) => {
  const folder = temporaryFolder(t);
  for (let process = 0; process < deathsMax; process++) life(folder, arm);
  t.is(deaths(folder), deathsMax);
  t.is(deaths(folder), 0, 'and forgiven once it has loaded');
});

test('processes that die while it runs are counted', (t) => {
  const folder = temporaryFolder(t);
  for (let process = 0; process < deathsMax; process++) {
    life(folder, (risk) => {
      risk.arm(key);
      risk.settle();
      risk.began();
    });
  }
  t.is(deaths(folder), deathsMax);
});

test('a power cut while nothing runs is nobody’s fault', (t) => {
  const folder = temporaryFolder(t);
  for (let process = 0; process < 9; process++) {
    life(folder, (risk) => {
      risk.arm(key);
      risk.settle();
      risk.began();
      risk.ended(true);
    });
  }
  t.is(deaths(folder), 0);
});

test('answers in between forgive', (t) => {
  const folder = temporaryFolder(t);
  for (let process = 0; process < 9; process++) {
    life(folder, (risk) => {
      risk.arm(key);
      risk.settle();
      for (let run = 0; run < 20; run++) {
        risk.began();
        risk.ended(true);
      }
      risk.began();
    });
  }
  t.is(deaths(folder), 1);
});

test('another variant starts without guilt', (t) => {
  const folder = temporaryFolder(t);
  life(folder, arm);
  t.is(deaths(folder, digestOf('other')), 0);
});
