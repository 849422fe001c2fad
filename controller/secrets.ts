/**
 * What the controller keeps to itself: its signing key and the administrator's token, made at the
 * first start.
 */
import { createHash, createPublicKey, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { createKeyPair, type KeyPair } from '../shared/signature.ts';

export interface Secrets {
  /** Signs desired documents; devices pin the public half when they enrol. */
  readonly keys: KeyPair;
  readonly adminToken: string;
}

/** Reads the secrets of the folder, or makes them; the files are for their owner only. */
export async function openSecrets(folder: string): Promise<Secrets> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keyPath = join(folder, 'controller-key.pem');
  const privateKeyPem =
    (await readOrNull(keyPath)) ?? (await writeSecret(keyPath, createKeyPair().privateKeyPem));
  const tokenPath = join(folder, 'admin-token');
  const adminToken =
    (await readOrNull(tokenPath))?.trim() ?? (await writeSecret(tokenPath, newToken('fta')));
  return { keys: { privateKeyPem, publicKeyPem: publicHalf(privateKeyPem, keyPath) }, adminToken };
}

/**
 * 256 random bits with a prefix that says what it is: `fta` first admin, `ftp` person, `fte`
 * enrolment, `ftd` device, `ftm` message broker,
 * `ftw` webhook.
 */
export function newToken(prefix: 'fta' | 'ftp' | 'fte' | 'ftd' | 'ftm' | 'ftw'): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`;
}

/**
 * What is stored of a token. It has 256 random bits, so that one round of SHA-256 can't be
 * searched.
 */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/**
 * Whether the token is the one of this hash, in a time that doesn't tell how much of it is right.
 */
export function matchesHash(token: string, hash: string): boolean {
  const [a, b] = [Buffer.from(hashToken(token)), Buffer.from(hash)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function publicHalf(privateKeyPem: string, path: string): string {
  try {
    return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
  } catch (thrown) {
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
}

async function writeSecret(path: string, text: string): Promise<string> {
  await writeFileAtomic(path, text, 0o600);
  return text;
}
