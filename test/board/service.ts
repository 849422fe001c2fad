/** The agent as a service of a real systemd: what its unit promises, as the board shows it. */
import { until } from '../support/until.ts';
import type { Board } from './machine.ts';

export type Say = (text: string) => void;

const unit = 'fettle-agent';
const pid = `pid=$(systemctl show ${unit} -p MainPID --value)`;
const restartTimeoutMs = 20 * 60_000;

/** What systemd holds of the unit, and the kernel of the process. */
const promised = [
  ...['User=fettle', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'ProtectHome=yes'],
  ...['PrivateTmp=yes', 'WatchdogUSec=2min', 'CapabilityBoundingSet=', 'TasksMax=512'],
] as const;
const inTheKernel = [/NoNewPrivs:\s1\b/, /Seccomp:\s2\b/, /CapBnd:\s0{16}/, /CapEff:\s0{16}/];
const closed = ['/etc', '/usr', '/boot', '/var/lib', '/opt/fettle', '/opt/fettle/launch'];
const open = ['/var/lib/fettle', '/opt/fettle/versions', '/tmp'];

/** Throws where a line of the unit is not in effect. */
export async function hardened(board: Board, say: Say): Promise<void> {
  const names = promised.map((line) => line.slice(0, line.indexOf('='))).join(',');
  const shown = await board.run(`systemctl show ${unit} -p ${names},MemoryMax`);
  for (const line of promised) require(shown.split('\n').includes(line), `${line} in ${shown}`);
  require(/^MemoryMax=\d+$/m.test(shown), `a limit of memory in ${shown}`);
  say(shown.replaceAll('\n', ' '));
  const group = `/sys/fs/cgroup/system.slice/${unit}.service`;
  say(await board.run(`cd ${group} && grep . memory.max pids.max cpu.weight; cd /root`));
  const status = await board.run(
    `${pid}; grep -E "^(Uid|NoNewPrivs|Seccomp|CapEff|CapBnd):" /proc/$pid/status`,
  );
  for (const pattern of inTheKernel) require(pattern.test(status), `${pattern} in ${status}`);
  say(status.replaceAll('\t', ' '));
  // As root, so that what is refused is refused by the mounts and not by whose the folder is.
  const written = await board.run(
    `${pid}; for at in ${[...closed, ...open].join(' ')}; do
       nsenter -t $pid -m sh -c 'to=$0; [ ! -d $to ] || to=$to/written
         if (: >>$to) 2>/dev/null; then echo "$0 written"; else echo "$0 refused"; fi
         [ ! -f $0/written ] || rm $0/written' $at
     done`,
  );
  const expected = [...closed.map((at) => `${at} refused`), ...open.map((at) => `${at} written`)];
  require(written === expected.join('\n'), `writing in its place: ${written}`);
  say(`writing as the service sees the files: ${written.replaceAll('\n', ', ')}`);
  say(await board.run(`systemd-analyze security ${unit} --no-pager | tail -n 1`));
}

/** A process that hangs is ended by the watchdog and started again. */
export async function killedByWatchdog(board: Board, say: Say): Promise<void> {
  const before = await board.run(`systemctl show ${unit} -p NRestarts --value`);
  await board.run(`${pid}; kill -STOP $pid`);
  const look = async () => {
    const now = await board.run(`systemctl show ${unit} -p NRestarts --value`);
    return Number(now) > Number(before);
  };
  await until('the watchdog', look, { timeoutMs: restartTimeoutMs, everyMs: 5000 });
  say(await board.run(`journalctl -b -u ${unit} --no-pager -o cat | grep -i watchdog | tail -n 2`));
}

/** Throws what there is. */
export async function leavesNothing(board: Board, say: Say): Promise<void> {
  const left = await board.run(
    `find / /run /dev/shm -xdev -iname "*fettle*"; find /proc -maxdepth 1 -nouser
     find / -xdev -nouser; grep fettle /etc/passwd /etc/group /etc/shadow /etc/gshadow
     systemctl list-units --all --no-legend --plain "fettle*"
     systemctl list-unit-files --no-legend "fettle*"; true`,
  );
  require(left === '', `nothing left: ${left}`);
  say('no file, account, process or unit of it is left');
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`);
}
