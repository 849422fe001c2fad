/**
 * A build of the runtime that somebody made: the installed one behind a package of its own, with
 * providers that this machine has no hardware for. `cuda` computes on the processor, `tensorrt`
 * refuses as a missing library does, `qnn` ends the process as a broken driver does.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './fettle.ts';
import type { Owner } from './owner.ts';

export interface OwnPackage {
  readonly name?: string;
  readonly version?: string;
  /** Without the native part. */
  readonly bare?: boolean;
}

/** The folder of the package. */
export function ownRuntimePackage(t: Owner, options: OwnPackage = {}): string {
  const { name = 'onnxruntime-node', version = '1.27.0', bare = false } = options;
  const folder = temporaryFolder(t);
  const binding = `bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`;
  mkdirSync(dirname(join(folder, binding)), { recursive: true });
  if (!bare) writeFileSync(join(folder, binding), '');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, main: 'index.js' }));
  writeFileSync(join(folder, 'index.js'), source());
  return folder;
}

function source(): string {
  const installed = createRequire(import.meta.url).resolve('onnxruntime-node');
  return `
const real = require(${JSON.stringify(installed)});
const names = ['cpu', 'cuda', 'tensorrt', 'qnn'];
module.exports = {
  Tensor: real.Tensor,
  env: real.env,
  listSupportedBackends: () => names.map((name) => ({ name, bundled: true })),
  InferenceSession: {
    async create(model, options) {
      const [provider] = options.executionProviders;
      if (provider === 'qnn') process.abort();
      if (provider === 'tensorrt') throw new Error('libnvinfer.so.10: cannot open');
      if (!names.includes(provider)) throw new Error('unsupported: ' + provider);
      return real.InferenceSession.create(model, { ...options, executionProviders: ['cpu'] });
    },
  },
};
`;
}
