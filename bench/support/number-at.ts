/** The number at the end of the path of members. Throws where there is none. */
export function numberAt(document: unknown, ...path: readonly string[]): number {
  const value = path.reduce<unknown>(
    (inside, name) =>
      typeof inside === 'object' && inside !== null ? Reflect.get(inside, name) : undefined,
    document,
  );
  if (typeof value === 'number') return value;
  throw new Error(`${path.join('.')}: expected a number in ${JSON.stringify(document)}`);
}
