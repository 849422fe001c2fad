/** Identities of channels: which are one and the same, and which must stay. */

export interface Identities {
  /** New identities, each on its own. */
  fresh(count: number): number[];
  /** The one that stands for all that were united with it. */
  root(identity: number): number;
  unite(a: number, b: number): void;
  /** They and all united with them must stay; the first reason is kept. */
  freeze(identities: Iterable<number>, reason: string): void;
  /** Why an identity must stay; undefined where it need not. */
  frozen(identity: number): string | undefined;
}

export function createIdentities(): Identities {
  const parents: number[] = [];
  const reasons = new Map<number, string>();

  function root(identity: number): number {
    let at = identity;
    for (let up = parents[at] ?? at; up !== at; up = parents[at] ?? at) {
      parents[at] = parents[up] ?? up;
      at = parents[at] ?? up;
    }
    return at;
  }
  return {
    fresh(count) {
      const first = parents.length;
      const made = Array.from({ length: count }, (_, i) => first + i);
      parents.push(...made);
      return made;
    },
    root,
    unite(a, b) {
      const [one, other] = [root(a), root(b)];
      if (one === other) return;
      // The older one stays the root, so that units are numbered in the order of the graph.
      const [older, younger] = one < other ? [one, other] : [other, one];
      parents[younger] = older;
      const reason = reasons.get(older) ?? reasons.get(younger);
      if (reason !== undefined) reasons.set(older, reason);
    },
    freeze(identities, reason) {
      for (const identity of identities) {
        const at = root(identity);
        if (!reasons.has(at)) reasons.set(at, reason);
      }
    },
    frozen: (identity) => reasons.get(root(identity)),
  };
}
