/**
 * A device to install on: an empty folder as its root, and as much of systemd as the install
 * command uses.
 */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { freePort } from '../../../commands/up/ports.ts';
import { temporaryFolder } from '../fettle.ts';
import { programOrSkip } from '../programs.ts';

export interface InstalledDevice {
  readonly prefix: string;
  readonly versions: string;
  readonly port: number;
  /** `curl …/install | sh -s -- ARGS`. */
  install(url: string, ...args: readonly string[]): Promise<Said>;
  systemctl(...args: readonly string[]): Promise<Said>;
  /** From now on this shell script is that program of the device. */
  fake(program: string, script: string): void;
  /** What the service has printed. */
  log(): string;
}

export interface Said {
  readonly code: number;
  readonly text: string;
}

const timeoutMs = 170_000;

/** null where a program is absent; the test has then said so and passed. */
export async function deviceOrSkip(t: ExecutionContext): Promise<InstalledDevice | null> {
  for (const program of ['curl', 'zstd', 'setsid']) if (!programOrSkip(t, program)) return null;
  const folder = temporaryFolder(t);
  const [prefix, bin, run] = ['root', 'bin', 'run'].map((name) => join(folder, name));
  if (!prefix || !bin || !run) return null;
  for (const made of [prefix, bin, run]) mkdirSync(made);
  symlinkSync(join(prefix, 'etc', 'systemd', 'system'), join(run, 'units'));
  copyFileSync(join(import.meta.dirname, 'systemctl.sh'), join(bin, 'systemctl'));
  const fake = (program: string, script: string) =>
    writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  fake('systemd-notify', '');
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: folder, FAKE_SYSTEMD: run };
  const port = await freePort(0, new Set());
  const said = (file: string, args: readonly string[]) =>
    new Promise<Said>((resolve) => {
      const options = { env, timeout: timeoutMs, cwd: folder };
      const child = execFile(file, [...args], options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, text: `${stdout}${stderr}` }),
      );
    });
  const systemctl = (...args: readonly string[]) => said(join(bin, 'systemctl'), args);
  t.teardown(() => systemctl('disable', '--now', 'fettle-agent'));
  const log = join(run, 'log');
  return {
    ...{ prefix, port, systemctl, fake, versions: join(prefix, 'opt', 'fettle', 'versions') },
    install(url, ...args) {
      const piped = `curl -fsSL ${url}/install | sh -s -- --prefix ${prefix} ${args.join(' ')}`;
      return said('sh', ['-c', piped]);
    },
    log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
  };
}
