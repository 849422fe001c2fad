/** Work that must end within a time. */

/**
 * Calls `work` with a signal that aborts after so long, with a `TimeoutError`, and with the one
 * given. The timer is held here: signals of `AbortSignal.timeout` that only `AbortSignal.any`
 * refers to are collected now and then, and never abort (nodejs/node #57736, #65995).
 */
export async function within<T>(
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const late = new DOMException('the time is over', 'TimeoutError');
  const timer = setTimeout(() => ending.abort(late), Math.ceil(seconds * 1000));
  const onAbort = () => ending.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await work(ending.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
