/** Which thread gets the next run. Pure but for the list it takes from. */

/**
 * Removes, and returns, one that can take the most runs: none waits behind another while a thread
 * is free. The list holds each thread once for every run that it can take.
 */
export function takeIdlest<T>(idle: T[]): T | undefined {
  const room = new Map<T, number>();
  for (const thread of idle) room.set(thread, (room.get(thread) ?? 0) + 1);
  const most = Math.max(0, ...room.values());
  const at = idle.findIndex((thread) => room.get(thread) === most);
  return at < 0 ? undefined : idle.splice(at, 1)[0];
}
