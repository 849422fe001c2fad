/** What a mistyped word may have meant. */

/** The known word that is at most two edits away, case and dashes aside, or null. */
export function nearest(word: string, known: readonly string[]): string | null {
  // Names are shorter; what is longer is no name, and would take long.
  if (word.length > wordCharsMax) return null;
  const plain = plainOf(word);
  const ranked = known
    .slice(0, knownMax)
    .map((candidate) => ({ candidate, edits: editsBetween(plain, plainOf(candidate)) }))
    .filter(({ candidate, edits }) => edits <= 2 && edits < candidate.length)
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate ?? null;
}

const wordCharsMax = 100;
const knownMax = 10_000;

/** `latency_ms_p95`, `latency-ms-p95` and `latencyMsP95` are one word. */
function plainOf(word: string): string {
  return word.slice(0, wordCharsMax).toLowerCase().replaceAll(/[_-]/g, '');
}

/** ` (did you mean layout?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === null || near === word ? '' : ` (did you mean ${near}?)`;
}

/**
 * Insertions, deletions and replacements between two words (Wagner and Fischer, J. ACM 21, 1974).
 */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [at, other] of [...b].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
