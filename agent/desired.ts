/**
 * Whether a signed document, of a model or of a release, is to be followed: for this device, from
 * the pinned controller, and newer. Pure.
 */
import { FettleError } from '../shared/errors.ts';
import { type Signature, verify } from '../shared/signature.ts';

export interface Goal {
  readonly device: string;
  readonly revision: number;
  readonly signature: Signature;
}

export type Verdict =
  | { readonly follow: true }
  | { readonly follow: false; readonly error: FettleError | null; readonly reason: string };

export interface Known {
  readonly device: string;
  readonly controllerKey: string;
  /** The last accepted document. */
  readonly desired: Pick<Goal, 'revision'> | null;
}

export function judgeDesired(next: Goal, known: Known): Verdict {
  const { revision } = next;
  if (next.device !== known.device) {
    const reason = `it is for ${next.device}`;
    return refuse(new FettleError('MESSAGE_INVALID', { topic: 'desired', reason }));
  }
  if (!verify(next, known.controllerKey)) {
    return refuse(new FettleError('SIGNATURE_INVALID', { revision }));
  }
  const current = known.desired?.revision ?? -1;
  if (revision < current) {
    return refuse(new FettleError('REVISION_STALE', { got: revision, current }));
  }
  // Retained documents come again with every connection.
  if (revision === current) return { follow: false, error: null, reason: 'it is known' };
  return { follow: true };
}

function refuse(error: FettleError): Verdict {
  return { follow: false, error, reason: error.message };
}
