/**
 * What the agent does about itself: decided from what should run and what does. Pure, like the plan
 * for models: a crash, a power cut and a newer revision all lead to the same question.
 */
import type { Release } from '../../shared/protocol/messages.ts';

export type UpdateStep = 'stage' | 'switch' | 'prove' | 'rest';

export interface UpdateFacts {
  /** The bundle that runs. */
  readonly running: string | null;
  /** This process is a version on trial. */
  readonly onTrial: boolean;
  /** Whether the wanted version is here, whole. */
  readonly staged: boolean;
  /** A revision that failed, and whether the time to try it again has come. */
  readonly failed: { readonly revision: number; readonly due: boolean } | null;
}

export interface UpdatePlan {
  readonly step: UpdateStep;
  readonly reason: string;
}

export function planUpdate(release: Release | null, facts: UpdateFacts): UpdatePlan {
  // Whatever is wanted by now: who is on trial has to prove itself, or the launcher ends it.
  if (facts.onTrial) return { step: 'prove', reason: 'this version has to prove itself' };
  if (release === null) return { step: 'rest', reason: 'no other version is wanted' };
  if (release.digest === facts.running) return { step: 'rest', reason: 'the wanted version runs' };
  const { failed } = facts;
  if (failed?.revision === release.revision && !failed.due) {
    return { step: 'rest', reason: 'the wanted version has failed here' };
  }
  if (!facts.staged) return { step: 'stage', reason: `version ${release.version} is not here` };
  return { step: 'switch', reason: `version ${release.version} is here and does not run` };
}

export interface Health {
  readonly connected: boolean;
  /** The key of what served before, by the journal, and of what answers now. */
  readonly served: string | null;
  readonly serves: string | null;
}

/** Why a version on trial has not proven itself yet; null: it has. */
export function unproven({ connected, served, serves }: Health): string | null {
  if (!connected) return 'it is not connected to the broker yet';
  if (served !== null && served !== serves) return 'what served before does not answer yet';
  return null;
}
