import test from 'ava';
import { judgeDesired } from '../../agent/desired.ts';
import { createKeyPair } from '../../shared/signature.ts';
import { desiredFor, signedDesired } from '../support/desired.ts';

const keys = createKeyPair();
const known = {
  device: 'device',
  controllerKey: keys.publicKeyPem,
  desired: signedDesired(keys, { revision: 5 }),
};

test('a newer document of the pinned controller is followed', (t) => {
  t.deepEqual(judgeDesired(signedDesired(keys, { revision: 6 }), known), { follow: true });
  const first = { ...known, desired: null };
  t.deepEqual(judgeDesired(signedDesired(keys, { revision: 0 }), first), { follow: true });
});

test('the same document again is nothing new, and no fault', (t) => {
  const verdict = judgeDesired(signedDesired(keys, { revision: 5 }), known);
  t.like(verdict, { follow: false, error: null });
});

test('members that this version does not know are signed too', (t) => {
  const document = { ...desiredFor({ revision: 6 }), unheardOf: { of: [1, 2] } };
  const again = { ...document, signature: signedDesired(keys, { revision: 6 }).signature };
  t.like(judgeDesired(again, known), { error: { code: 'SIGNATURE_INVALID' } });
});

const refusals = [
  {
    what: 'an older revision',
    desired: signedDesired(keys, { revision: 4 }),
    code: 'REVISION_STALE',
  },
  { what: 'no good signature', desired: desiredFor({ revision: 6 }), code: 'SIGNATURE_INVALID' },
  {
    what: 'the key of another controller',
    desired: signedDesired(createKeyPair(), { revision: 6 }),
    code: 'SIGNATURE_INVALID',
  },
  {
    what: 'a member changed after signing',
    desired: { ...signedDesired(keys, { revision: 6 }), soakSeconds: 1 },
    code: 'SIGNATURE_INVALID',
  },
  {
    what: 'the document of another device',
    desired: signedDesired(keys, { revision: 6, device: 'other' }),
    code: 'MESSAGE_INVALID',
  },
];

for (const { what, desired, code } of refusals) {
  test(`${what} is refused as ${code}`, (t) => {
    t.like(judgeDesired(desired, known), { follow: false, error: { code } });
  });
}
