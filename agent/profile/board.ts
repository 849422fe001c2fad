/** Which board and operating system this is, and whether a container stands between. */
import { release } from 'node:os';
import { readJetson } from './jetson.ts';
import { printable, type Tree } from './tree.ts';

export interface Board {
  /** As the device tree or DMI names it; null where neither does. */
  readonly name: string | null;
  /** Of a board that carries one: the module by name and part number. */
  readonly module: string | null;
  /** What the device tree says it is compatible with, the most particular first. */
  readonly compatible: readonly string[];
  readonly os: {
    readonly platform: string;
    readonly arch: string;
    readonly release: string;
    readonly distribution: string | null;
    readonly container: boolean;
    /** Jetson Linux version; null elsewhere. */
    readonly l4t: string | null;
    /** What NVIDIA calls the collection that came with it. */
    readonly jetpack: string | null;
  };
}

export async function readBoard(tree: Tree): Promise<Board> {
  const name = (await nameOfDeviceTree(tree)) ?? (await nameOfDmi(tree));
  if (name === null) tree.miss('board', 'neither a device tree nor DMI names it');
  const distribution = await readDistribution(tree);
  if (distribution === null) tree.miss('os.distribution', '/etc/os-release names none');
  const { module, l4t, jetpack } = await readJetson(tree);
  return {
    ...{ name, module, compatible: await readCompatible(tree) },
    os: {
      platform: process.platform,
      arch: (await recordedArch(tree)) ?? process.arch,
      release: (await tree.text('/proc/sys/kernel/osrelease')) ?? (tree.live ? release() : ''),
      distribution,
      container: await inContainer(tree),
      ...{ l4t, jetpack },
    },
  };
}

/** Devicetree Specification 0.4, §2.3.2 `model`. */
async function nameOfDeviceTree(tree: Tree): Promise<string | null> {
  const model =
    (await tree.text('/proc/device-tree/model')) ??
    (await tree.text('/sys/firmware/devicetree/base/model'));
  return printable(model ?? '') || null;
}

/** Devicetree Specification 0.4, §2.3.1 `compatible`: strings, each ended by a NUL. */
async function readCompatible(tree: Tree): Promise<string[]> {
  const text = (await tree.text('/proc/device-tree/compatible')) ?? '';
  return text
    .split(' ')
    .filter((one) => /^[\w.+-]+,[\w.+-]+$/.test(one))
    .slice(0, 8)
    .map(printable);
}

/** Documentation/ABI/testing/sysfs-class-dmi. */
async function nameOfDmi(tree: Tree): Promise<string | null> {
  const folder = '/sys/class/dmi/id';
  const parts: string[] = [];
  for (const file of ['sys_vendor', 'product_name']) {
    const part = printable((await tree.text(`${folder}/${file}`)) ?? '');
    if (part !== '' && !placeholders.test(part) && !parts.includes(part)) parts.push(part);
  }
  return parts.length > 0 ? parts.join(' ') : null;
}

/** What board makers leave in the fields they do not fill. */
const placeholders =
  /^(to be filled|default string|system (product|manufacturer)|none$|o\.?e\.?m)/i;

/** os-release(5). */
async function readDistribution(tree: Tree): Promise<string | null> {
  const text =
    (await tree.text('/etc/os-release')) ?? (await tree.text('/usr/lib/os-release')) ?? '';
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1] ?? null;
}

/** The marks that Docker, Podman, systemd-nspawn, LXC and Kubernetes leave. */
async function inContainer(tree: Tree): Promise<boolean> {
  for (const mark of ['/.dockerenv', '/run/.containerenv', '/run/systemd/container']) {
    if (await tree.exists(mark)) return true;
  }
  const groups = (await tree.text('/proc/self/cgroup')) ?? '';
  if (/\/(docker|kubepods|lxc|libpod|containerd)/.test(groups)) return true;
  return /(^| )container=/.test((await tree.text('/proc/1/environ')) ?? '');
}

/** A recorded tree says its own architecture by the fields of /proc/cpuinfo. */
async function recordedArch(tree: Tree): Promise<string | null> {
  if (tree.live) return null;
  const info = (await tree.text('/proc/cpuinfo')) ?? '';
  if (/^CPU architecture\s*:\s*(8|AArch64)/m.test(info)) return 'arm64';
  if (/^CPU architecture\s*:/m.test(info)) return 'arm';
  return /^flags\s*:.*\blm\b/m.test(info) ? 'x64' : null;
}
