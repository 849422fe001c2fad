/** An authority of one's own and two certificates of it, made with openssl(1). */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** They are for 127.0.0.1 and names such as `host.example`. Paths of PEM files. */
export function makeCertificates(program: string, folder: string): Certificates {
  const run = (...args: string[]) => execFileSync(program, args, { cwd: folder, stdio: 'pipe' });
  const at = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
  run('req', ...authority, ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem');
  const issue = (name: string): Certificate => {
    run('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(
      at(`${name}.ext`),
      'subjectAltName=IP:127.0.0.1,DNS:controller.example,DNS:broker.example\n',
    );
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`];
    run('x509', '-req', ...signing, ...files);
    return { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  };
  return { ca: at('ca.pem'), server: issue('server'), client: issue('client') };
}
