/**
 * What a command is: its arguments, its options and what it runs. `commands/table.ts` lists them
 * all.
 */
import type { Ending } from './exit-codes.ts';

export interface Option {
  /** As the help prints it: `--bits <n>`, `--label <key=value...>`, `--measure`, `--no-golden`. */
  readonly flags: string;
  readonly help: string;
  readonly default?: string;
}

export interface CommandContext {
  /**
   * Arguments by the names in `args`, without brackets; an optional one that is absent has no
   * member.
   */
  readonly args: Readonly<Record<string, string>>;
  /** What the last argument, `NAME...`, took. */
  readonly rest?: readonly string[];
  /**
   * Options by their long name in camelCase; what the user did not give and has no default is
   * absent.
   */
  readonly options: Readonly<Record<string, string | boolean | string[] | undefined>>;
  /** `--json` was given: standard output must hold one JSON document and nothing else. */
  readonly json: boolean;
  /** Aborted by Ctrl-C or a termination signal; a run that then returns exits with 0. */
  readonly signal: AbortSignal;
  readonly io: Output;
}

export interface Progress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** What is waited for, behind the bar. */
  readonly note?: string;
}

export interface Output {
  /** One line for people; silent with `--json`. */
  line(text: string): void;
  /** The result for programs: printed with `--json` only. */
  result(value: unknown): void;
  /** A progress bar on standard error; where that is no terminal, one line when it ends. */
  progress(progress: Progress): void;
  /** Whether standard output is redrawn by who reads it. */
  readonly terminal: boolean;
  /** Whether it shows colours. */
  readonly colours: boolean;
  /** Cells of a line; null where it is no terminal. */
  readonly columns: number | null;
}

export interface Command {
  /** `MODEL.onnx` and the like, in order; `[NAME]` is optional, `NAME...` takes one or more. */
  readonly args: readonly string[];
  /** `--json` and `--help` belong to every command and are not listed. */
  readonly options: readonly Option[];
  /** How it ended, where that is neither done nor an error. */
  run(context: CommandContext): Promise<void> | Promise<Ending>;
}
