/** Node, the C library, the runtime, and every execution provider, each really opened. */
import * as v from 'valibot';
import { reasonOf } from '../../shared/errors.ts';
import { runtimePathVariable } from '../../shared/evaluate/own-runtime.ts';
import { knownProviders, type Tried, tryProvider } from '../../shared/evaluate/providers.ts';
import { builtInProviders, runtimeVersion } from '../../shared/evaluate/runtime.ts';
import { own } from '../../shared/own.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import { type Check, failed, hint, ok, skipped } from './check.ts';

export async function softwareChecks(profile: Profile): Promise<Check[]> {
  const runtime = await checkRuntime();
  const providers = runtime.state === 'failed' ? [] : await checkProviders(profile);
  return [checkNode(), checkLibrary(), runtime, ...providers];
}

const nodeMin = { major: 22, minor: 20 } as const;

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const old = major < nodeMin.major || (major === nodeMin.major && minor < nodeMin.minor);
  const found = `Node ${process.versions.node} for ${process.platform} ${process.arch}`;
  const todo = `Install Node ${nodeMin.major}.${nodeMin.minor} or newer, or use a bundle.`;
  return old ? failed('node', found, todo) : ok('node', found);
}

/** The runtime's library is built against glibc 2.28 and for 64 bits (manylinux_2_28). */
function checkLibrary(): Check {
  const what = 'system';
  const glibc = glibcVersion();
  if (process.platform !== 'linux') return ok(what, `${process.platform}, ${process.arch}`);
  if (!['x64', 'arm64'].includes(process.arch)) {
    return failed(what, `${process.arch} is not a 64-bit system`, 'Install a 64-bit system.');
  }
  if (glibc === undefined) {
    return failed(what, 'no glibc (musl?)', 'Use a system with glibc: Debian, Ubuntu, Fedora.');
  }
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  const found = `glibc ${glibc}, ${process.arch}`;
  if (major > 2 || minor >= 28) return ok(what, found);
  return failed(what, found, 'The runtime needs glibc 2.28 or newer: update the system.');
}

const Report = v.looseObject({
  header: v.looseObject({ glibcVersionRuntime: v.optional(v.string()) }),
});

/** undefined where the C library is another one. */
function glibcVersion(): string | undefined {
  // Names of network addresses are not asked for; Node's types do not know the switch yet.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report = v.safeParse(Report, process.report.getReport());
  return report.success ? report.output.header.glibcVersionRuntime : undefined;
}

async function checkRuntime(): Promise<Check> {
  const own = process.env[runtimePathVariable];
  const whose = own ? `the build in ${own}` : 'the installed build';
  try {
    return ok('runtime', `ONNX Runtime ${await runtimeVersion()}, ${whose}`);
  } catch (thrown) {
    const todo = own
      ? `Correct ${runtimePathVariable}, or unset it to use the installed build.`
      : 'Run npm install again, or install a bundle.';
    return failed('runtime', reasonOf(thrown), todo);
  }
}

/** What a provider needs to be there; said where it does not open. */
const needs: Readonly<Record<string, string>> = {
  cuda:
    "NVIDIA's driver, CUDA 12 and cuDNN 9, and a build with CUDA: on x64 the runtime's package " +
    'fetches it (npm rebuild onnxruntime-node), on a Jetson build it (deploy/jetson.md).',
  tensorrt: 'A build with TensorRT, and TensorRT 10: deploy/jetson.md.',
  qnn: "A build with QNN, and Qualcomm's libraries (libQnnHtp.so) on the library path.",
  webgpu: 'A GPU with a Vulkan driver: apt install mesa-vulkan-drivers, or its maker’s driver.',
};

/** Providers of other systems. */
const foreign: Readonly<Record<string, string>> = { coreml: 'darwin', dml: 'win32' };

async function checkProviders(profile: Profile): Promise<Check[]> {
  const builtIn = await builtInProviders();
  const names = [...new Set([...builtIn, ...knownProviders])].filter(
    (name) => (own(foreign, name) ?? process.platform) === process.platform,
  );
  const gpus = profile.accelerators.length > 0;
  const tried = await Promise.all(names.map(tryProvider));
  return tried.map((one) => checkOf(one, builtIn.includes(one.provider), gpus));
}

function checkOf({ provider, opened, reason }: Tried, builtIn: boolean, gpus: boolean): Check {
  const what = `provider ${provider}`;
  if (opened) return ok(what, 'opened a model and ran it');
  if (provider === 'cpu') return failed(what, reason ?? '', 'Run npm install again.');
  const todo = own(needs, provider) ?? 'Use a build of the runtime that has it.';
  const found = builtIn ? `did not open: ${reason}` : 'is not in this build of the runtime';
  return gpus ? hint(what, found, todo) : skippedWithoutHardware(what, found);
}

function skippedWithoutHardware(what: string, found: string): Check {
  return skipped(what, `${found}; no accelerator was found, so nothing is missed`);
}
