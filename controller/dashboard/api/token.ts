/**
 * The access token: handed over in the address's fragment, which no server ever sees, then kept by
 * the browser.
 */

export interface Arrival {
  /** The token the address brought; null where it brought none. */
  readonly token: string | null;
  /** The fragment to show from now on. */
  readonly fragment: string;
}

/** `#token=…` optionally followed by `&to=/devices/x`. */
export function readFragment(fragment: string): Arrival {
  if (!fragment.startsWith('#token=')) return { token: null, fragment };
  const fields = new URLSearchParams(fragment.slice(1));
  const to = fields.get('to') ?? '/';
  return { token: fields.get('token') || null, fragment: `#${to.startsWith('/') ? to : '/'}` };
}

const storageKey = 'fettle.token';

export interface TokenBox {
  read(): string | null;
  write(token: string | null): void;
}

/** What is used of the browser's storage. */
interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Kept across tabs and visits; only for this tab where the browser denies storage. */
export function createTokenBox(storage: Shelf | null): TokenBox {
  let held = storage?.getItem(storageKey) ?? null;
  return {
    read: () => held,
    write(token) {
      held = token;
      if (token === null) storage?.removeItem(storageKey);
      else storage?.setItem(storageKey, token);
    },
  };
}
