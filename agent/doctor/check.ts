/** One thing that the doctor looked at. */

export interface Check {
  /** What was looked at: `disk`, `provider cuda`. */
  readonly what: string;
  /**
   * `failed` stops Fettle from working here, `hint` makes it slower or says what could be had,
   * `skipped` was not looked at.
   */
  readonly state: 'ok' | 'hint' | 'failed' | 'skipped';
  readonly found: string;
  /** What to do about it; null where nothing is to be done. */
  readonly todo: string | null;
}

export function ok(what: string, found: string): Check {
  return { what, state: 'ok', found, todo: null };
}

export function hint(what: string, found: string, todo: string): Check {
  return { what, state: 'hint', found, todo };
}

export function failed(what: string, found: string, todo: string): Check {
  return { what, state: 'failed', found, todo };
}

export function skipped(what: string, found: string, todo: string | null = null): Check {
  return { what, state: 'skipped', found, todo };
}
