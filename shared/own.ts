/**
 * Tables indexed by names from outside: every plain object answers to `toString`, `constructor` and
 * `__proto__`.
 */

/** The table's own entry; undefined where it has none of that name. */
export function own<T>(
  table: Readonly<Record<string, T>> | undefined,
  name: string,
): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Without a prototype, so that every name can be assigned. */
export function emptyTable<T>(): Record<string, T> {
  return Object.create(null);
}
