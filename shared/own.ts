/**
 * The entry of a table by a name from outside. `table[name]` would find `toString`, `constructor`
 * and `__proto__` in every object.
 */
export function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
