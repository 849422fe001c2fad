/** What a command is: its help, its options and what it runs. `cli.ts` lists them all. */

export interface Option {
  /** As commander writes it: `--bits <n>`, `--json`. */
  readonly flags: string;
  readonly help: string;
  readonly default?: string;
}

export interface CommandContext {
  /** Arguments by the names in `args`, options by their long name in camelCase. */
  readonly args: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | boolean | string[] | undefined>>;
  /** `--json` was given: standard output must hold one JSON document and nothing else. */
  readonly json: boolean;
  /** Aborted by Ctrl-C or a termination signal. */
  readonly signal: AbortSignal;
  readonly io: Output;
}

export interface Output {
  /** One line for people; silent with `--json`. */
  line(text: string): void;
  /** The result for programs: printed with `--json` only. */
  result(value: unknown): void;
  /** A progress bar or, where standard error is no terminal, nothing until it ends. */
  progress(progress: { what: string; done: number; total: number; unit: string }): void;
  /** Whether colours and redrawing suit standard output. */
  readonly terminal: boolean;
}

export interface Command {
  /** `MODEL.onnx` and the like, in order; `[NAME]` is optional. */
  readonly args: readonly string[];
  readonly options: readonly Option[];
  run(context: CommandContext): Promise<void>;
}
