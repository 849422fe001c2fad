/**
 * What a bench is: a file of this folder that exports `bench`. `npm run bench` lists and runs them.
 */

export interface Bench {
  /** What it measures, in one line. */
  readonly what: string;
  run(context: BenchContext): Promise<BenchResult>;
}

export interface BenchContext {
  readonly signal: AbortSignal;
  /** Says what is being measured now; goes to standard error. */
  note(text: string): void;
  /**
   * Whether these rows are asked for: `--only NAME,…` measures some again, by their first column,
   * and the others' rows stay.
   */
  asked(name: string): boolean;
}

export interface BenchResult {
  readonly columns: readonly string[];
  /** Numbers are printed with three significant digits. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** What a reader must know beside the figures, one sentence each. */
  readonly notes: readonly string[];
}
