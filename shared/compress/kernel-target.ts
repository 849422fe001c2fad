/** Which of the compressor's targets a device is. */
import type { Profile } from '../protocol/profile.ts';

/** The compressor's name for the 8-bit kernels of this processor. */
export function kernelTarget({
  os,
  processor,
}: Profile): 'x64-vnni' | 'x64' | 'arm64-dotprod' | 'arm64' {
  const has = (features: readonly string[]) =>
    features.some((feature) => processor.features.includes(feature));
  if (os.arch === 'arm64') return has(['asimddp', 'i8mm']) ? 'arm64-dotprod' : 'arm64';
  return has(['avx512_vnni', 'avx_vnni', 'amx_int8']) ? 'x64-vnni' : 'x64';
}
