/** Documents signed with Ed25519 (RFC 8032) over their canonical JSON, the signature left out. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { digestOf } from './digest.ts';

export interface Signature {
  readonly keyId: string;
  /** Base64 of the 64 signature bytes. */
  readonly ed25519: string;
}

export interface KeyPair {
  readonly publicKeyPem: string;
  readonly privateKeyPem: string;
}

export function createKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** The document with its `signature` member. */
export function sign<T extends object>(document: T, keys: KeyPair): T & { signature: Signature } {
  const ed25519 = signBytes(null, signedBytes(document), createPrivateKey(keys.privateKeyPem));
  return {
    ...document,
    signature: { keyId: keyIdOf(keys.publicKeyPem), ed25519: ed25519.toString('base64') },
  };
}

/** Whether the document carries a good signature of this key. */
export function verify(document: { signature: Signature }, publicKeyPem: string): boolean {
  if (document.signature.keyId !== keyIdOf(publicKeyPem)) return false;
  const signature = Buffer.from(document.signature.ed25519, 'base64');
  return verifyBytes(null, signedBytes(document), createPublicKey(publicKeyPem), signature);
}

function keyIdOf(publicKeyPem: string): string {
  return digestOf(publicKeyPem.trim()).slice('sha256:'.length, 'sha256:'.length + 16);
}

function signedBytes(document: object): Buffer {
  const members = Object.entries(document).filter(([name]) => name !== 'signature');
  return Buffer.from(canonicalJson(Object.fromEntries(members)));
}
