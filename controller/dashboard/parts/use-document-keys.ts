/** Keys pressed anywhere on the page, while a view is shown. */
import { useEffect, useRef } from 'preact/hooks';

export function useDocumentKeys(onKey: (event: KeyboardEvent) => void): void {
  // Effects run a moment after drawing: a key pressed in between must find the newest handler.
  const latest = useRef(onKey);
  latest.current = onKey;
  useEffect(() => {
    const listener = (event: KeyboardEvent) => latest.current(event);
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, []);
}
