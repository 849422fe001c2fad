/** Where a member is on its way. Pure. */
import type { Member } from './plan.ts';

/** It was given the model and is on its way, or through. One that was offline then still waits. */
export function isAdmitted({ state }: Pick<Member, 'state'>): boolean {
  return state !== 'waiting';
}

export function isOpen({ state }: Pick<Member, 'state'>): boolean {
  return state === 'updating' || state === 'soaking';
}
