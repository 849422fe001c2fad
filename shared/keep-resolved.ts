/**
 * A value that takes long to make and is kept. A failure is not kept: a disk may have room again,
 * and a network may be back, when the next one asks.
 */
export function keepResolved<T>(make: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | null = null;
  return () => {
    if (known !== null) return known;
    const making = make();
    known = making;
    making.catch(() => {
      if (known === making) known = null;
    });
    return making;
  };
}
