/** `fettle bundle`: one file with all that a device needs. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { bundleName, makeBundle } from '../controller/bundle/bundle.ts';
import { FettleError } from '../shared/errors.ts';
import { productRoot } from '../shared/product.ts';
import { architectures } from '../shared/protocol/releases.ts';
import type { Command } from './command.ts';

const buildTimeoutMs = 5 * 60_000;

export const command: Command = {
  args: [],
  options: [
    { flags: '--arch <arch>', help: 'of the device: arm64 or x64' },
    { flags: '--out <file>', help: 'where to write it (fettle-VERSION-linux-ARCH.tar.zst)' },
  ],
  async run({ options, io }) {
    const arch = architectures.find((one) => one === options.arch);
    if (!arch) {
      const expected = architectures.join(' or ');
      const got = String(options.arch ?? 'nothing');
      throw new FettleError('BAD_ARGUMENT', { what: '--arch', expected, got });
    }
    const name = typeof options.out === 'string' ? options.out : `${bundleName(arch)}.tar.zst`;
    const bundle = await withCompiled(arch, (compiled) =>
      makeBundle(arch, { compiled, out: resolve(name) }),
    );
    const { path, bytes, unpackedBytes, digest, manifest } = bundle;
    const { version, node } = manifest;
    const files = Object.keys(manifest.files).length;
    io.result({ path, bytes, unpackedBytes, digest, version, arch, node, files });
    io.line(`${name}  ${megabytes(bytes)} MB (${megabytes(unpackedBytes)} MB unpacked)  ${digest}`);
  },
};

/** Calls back with the compiled product: this one, or from sources one that is built for it. */
async function withCompiled<T>(arch: string, use: (compiled: string) => Promise<T>): Promise<T> {
  if (import.meta.filename.endsWith('.js')) return await use(join(import.meta.dirname, '..'));
  const folder = await mkdtemp(join(tmpdir(), 'fettle-bundle-'));
  try {
    const args = [join(productRoot(), 'deploy', 'build.mjs'), folder];
    await promisify(execFile)(process.execPath, args, { timeout: buildTimeoutMs }).catch(() => {
      const reason = 'the sources do not compile; npm run check says why';
      throw new FettleError('BUNDLE_IMPOSSIBLE', { arch, reason });
    });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
