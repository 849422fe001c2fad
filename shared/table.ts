/**
 * Tables indexed by names from files. A layer may be called `toString` and an input `__proto__`,
 * which every plain object answers to: such a table is read with `entryOf` and filled
 * by assignment to an `emptyTable`.
 */

/** The entry of that name, undefined where the table has none of its own. */
export function entryOf<T>(
  table: Readonly<Record<string, T>> | undefined,
  name: string,
): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Without a prototype, so that every name can be assigned. */
export function emptyTable<T>(): Record<string, T> {
  return Object.create(null);
}
