/** Authorities that this process trusts beside the ones that Node brings. */
import { readFileSync } from 'node:fs';
import { FettleError, reasonOf } from './errors.ts';

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Certificates in PEM, for every connection over TLS that names no authority of its own. Throws
 * `FILE_UNREADABLE`.
 */
export function trustAlso(path: string): void {
  // Whoever needs no authority of his own loads no TLS for it.
  const tls = process.getBuiltinModule('node:tls');
  try {
    const own = readFileSync(path, 'utf8').match(certificate) ?? [];
    if (own.length === 0) throw new Error('it holds no certificate in PEM');
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...own]);
  } catch (thrown) {
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
