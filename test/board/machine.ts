/**
 * A whole arm64 machine under QEMU: Debian with systemd on a disk of its own, a network in which
 * this machine is 10.0.2.2, and a shell on a serial port.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Board {
  /** Switches it on; returns when its shell answers. */
  boot(): Promise<void>;
  /** Runs a line in a shell of root; throws where it fails. Answers what it has printed. */
  run(line: string, timeoutMs?: number): Promise<string>;
  /** Takes its power away: what was not yet on its disk is lost. */
  cut(): Promise<void>;
  /** Where its port 8910 is reached from here. */
  readonly endpoint: string;
}

export interface BoardOptions {
  /** Of this run: its disk, its console. */
  readonly folder: string;
  readonly port: number;
}

const cache = join(homedir(), '.cache', 'fettle', 'board');
const bootTimeoutMs = 20 * 60_000;
const runTimeoutMs = 10 * 60_000;
const imageTimeoutMs = 90 * 60_000;
const run = promisify(execFile);

/** Makes the image at the first time, which takes root and, emulated, up to an hour. */
export async function openBoard({ folder, port }: BoardOptions): Promise<Board> {
  await makeImage();
  const disk = join(folder, 'disk.img');
  await run('cp', ['--sparse=always', join(cache, 'root.img'), disk]);
  const socket = join(folder, 'control');
  let machine: ChildProcess | null = null;
  let shell: Shell | null = null;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async boot() {
      // One whose power was cut has left it there.
      rmSync(socket, { force: true });
      machine = spawn('qemu-system-aarch64', optionsOf({ folder, disk, socket, port }), {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      shell = await openShell(socket, bootTimeoutMs);
    },
    async run(line, timeoutMs = runTimeoutMs) {
      if (!shell) throw new Error('the board is off');
      return await shell(line, timeoutMs);
    },
    async cut() {
      if (!machine) return;
      const gone = once(machine, 'exit');
      machine.kill('SIGKILL');
      await gone;
      machine = null;
      shell = null;
    },
  };
}

async function makeImage(): Promise<void> {
  if (existsSync(join(cache, 'complete'))) return;
  mkdirSync(cache, { recursive: true });
  const script = join(import.meta.dirname, 'image.sh');
  await run('sh', [script, cache], { timeout: imageTimeoutMs, maxBuffer: 1 << 26 });
}

/** What a slow machine can do without, and patience with the rest. */
const system = [
  ...['systemd.journald.forward_to_console=1', 'systemd.default_timeout_start_sec=1800'],
  // Before the rest of what is found: the shell waits for the one, the network for the other.
  ...['modules_load=virtio_console,virtio_net', 'modprobe.blacklist=cfg80211,rfkill'],
  ...['systemd-logind.service', 'serial-getty@ttyAMA0.service', 'getty@tty1.service'],
  ...['e2scrub_reap.service', 'e2scrub_all.timer', 'fstrim.timer', 'dpkg-db-backup.timer'],
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'systemd-tmpfiles-clean.timer'],
  ...['systemd-update-utmp-runlevel.service', 'systemd-rfkill.socket'],
].map((word) => (word.includes('=') ? word : `systemd.mask=${word}`));

interface Place {
  readonly folder: string;
  readonly disk: string;
  readonly socket: string;
  readonly port: number;
}

function optionsOf({ folder, disk, socket, port }: Place): string[] {
  const devices = [
    // What the guest has flushed outlives the machine being killed; that is all a disk promises.
    ['-drive', `if=none,id=disk,format=raw,file=${disk},cache=unsafe`],
    ['-device', 'virtio-blk-pci,drive=disk'],
    ['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:8910`],
    ['-device', 'virtio-net-pci,netdev=net,romfile='],
    ['-device', 'virtio-serial-pci'],
    ['-chardev', `socket,id=control,path=${socket},server=on,wait=off`],
    ['-device', 'virtserialport,chardev=control,name=control'],
    ['-device', 'virtio-rng-pci'],
  ];
  return [
    ...['-M', 'virt', '-cpu', 'cortex-a76', '-smp', '1', '-m', '1024'],
    ...['-accel', 'tcg,thread=multi', '-nographic', '-nodefaults', '-no-reboot'],
    ...['-chardev', `file,id=console,path=${join(folder, 'console.log')},append=on`],
    ...['-serial', 'chardev:console'],
    ...['-kernel', join(cache, 'kernel'), '-initrd', join(cache, 'first.gz')],
    ...['-append', `console=ttyAMA0 quiet ${system.join(' ')}`],
    ...devices.flat(),
  ];
}

type Shell = (line: string, timeoutMs: number) => Promise<string>;

/** What is written before somebody listens there is lost: it is asked until it answers. */
async function openShell(path: string, timeoutMs: number): Promise<Shell> {
  const endMs = performance.now() + timeoutMs;
  while (!existsSync(path)) await pause(100);
  const socket = connect(path);
  await once(socket, 'connect');
  let asked = 0;
  const shell: Shell = async (line, limitMs) => {
    asked += 1;
    const mark = `@@${asked}`;
    socket.write(`{ ${line}\n} </dev/null 2>&1; echo "${mark} $?"\n`);
    const text = await answerTo(socket, mark, limitMs);
    const end = text.lastIndexOf(mark);
    const code = Number(text.slice(end + mark.length).trim());
    const said = text.slice(0, end).trim();
    if (code !== 0) throw new Error(`${line}: ended with ${code}: ${said}`);
    return said;
  };
  for (;;) {
    const awake = await shell('true', 3000).then(
      () => true,
      () => false,
    );
    if (awake) return shell;
    if (performance.now() > endMs) throw new Error('the board did not start');
  }
}

async function answerTo(socket: Socket, mark: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const pattern = new RegExp(`${mark} \\d+\\n`);
  const hear = (chunk: Buffer) => {
    text += chunk.toString();
    if (pattern.test(text)) resolve(text);
  };
  const limit = setTimeout(() => reject(new Error(`no answer: ${text}`)), timeoutMs);
  socket.on('data', hear);
  return await promise.finally(() => {
    clearTimeout(limit);
    socket.off('data', hear);
  });
}
