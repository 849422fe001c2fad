/**
 * What a service manager is told, by systemd's protocol of sd_notify(3): that the agent is ready,
 * and again and again that it is alive. Node has no datagram sockets of the Unix kind; the program
 * `systemd-notify` has.
 */
import { execFile } from 'node:child_process';
import type { Log } from './log.ts';

/** A busy device takes long to start a program, and it is started three times within the limit. */
const timeoutMs = 30_000;

/** Nothing is told where no service manager listens. Returns what ends it. */
export function tellServiceManager(env: NodeJS.ProcessEnv, log: Log): () => void {
  if (!env.NOTIFY_SOCKET) return () => {};
  const tell = (...words: string[]) =>
    execFile('systemd-notify', words, { timeout: timeoutMs }, (thrown) => {
      if (thrown) log('warn', `systemd-notify ${words.join(' ')}: ${thrown.message}`);
    });
  tell('--ready');
  const watchdogMs = Number(env.WATCHDOG_USEC ?? 0) / 1000;
  if (!(watchdogMs > 0)) return () => {};
  // From the loop that answers requests: one that hangs says nothing and is started again.
  const beating = setInterval(() => tell('WATCHDOG=1'), watchdogMs / 3);
  beating.unref();
  return () => clearInterval(beating);
}
