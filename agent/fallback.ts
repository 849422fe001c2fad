/** What serves turned out to be of no use: the one before it takes its place. */
import { type FettleError, reportError } from '../shared/errors.ts';
import type { Journal } from './journal.ts';
import { keyOf } from './look.ts';
import type { Server } from './serve/server.ts';

/**
 * Needs no network, and no time where the one before still stands by; else it is loaded next.
 * Resolves when what served is freed.
 */
export async function rollBack(
  { journal, server }: { readonly journal: Journal; readonly server: Server },
  error: FettleError,
): Promise<void> {
  fallBack(journal, error);
  const before = journal.get('current');
  await server.revert(before && keyOf(before));
}

/** Writes it down in one go; loading the one before is the next step that is planned. */
export function fallBack(journal: Journal, error: FettleError): void {
  const slot = journal.get('current');
  if (slot === null) return;
  const desired = journal.get('desired');
  const { model, version } = slot.serving;
  // Where it served for an older revision, the present one has not failed by that.
  const blamed = desired?.model?.name === model && desired.model.version === version;
  const failure = {
    revision: desired?.revision ?? 0,
    error: { ...reportError(error) },
    attempts: 0,
    waiting: false,
  };
  journal.change({
    current: journal.get('previous'),
    previous: null,
    ...(blamed ? { chosen: null, failure } : {}),
  });
}
