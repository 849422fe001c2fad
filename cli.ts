#!/usr/bin/env node
/**
 * `fettle`: finds the command in the table, loads only that file, parses its options and runs it.
 */
import { CommanderError, Command as Program } from 'commander';
import type { Command } from './commands/command.ts';
import { createOutput } from './commands/output.ts';
import { type CommandRow, commandTable } from './commands/table.ts';
import { reportError } from './shared/errors.ts';
import { productVersion } from './shared/product.ts';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

process.exitCode = await main(process.argv.slice(2));
// Native libraries may hold threads and sockets open that no one waits for any more.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise((resolve) => stream.write('', resolve));
}
process.exit();

async function main(words: string[]): Promise<number> {
  surviveClosedPipe();
  const rows: readonly (readonly [string, CommandRow])[] = Object.entries(commandTable);
  const name = commandName(
    words,
    rows.map(([name]) => name),
  );
  const program = createProgram('fettle').version(productVersion());
  program.description('Fits one trained model to every device of a fleet.');
  if (words.length === 0) words = ['--help'];
  let code: number = exitCodes.done;
  for (const [rowName, row] of rows) {
    const target = nested(program, rowName, row);
    if (rowName !== name) continue;
    const { command } = await row.load();
    declare(target, command).action(async () => {
      code = await runCommand(command, target);
    });
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.usage;
    throw thrown;
  }
}

/** The longest name of the table that the words begin with. */
function commandName(words: readonly string[], names: readonly string[]): string | undefined {
  const [first, second] = words[0] === 'help' ? words.slice(1) : words;
  return [`${first} ${second}`, `${first}`].find((name) => names.includes(name));
}

function createProgram(name: string): Program {
  return new Program(name)
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) });
}

/** Commander's messages span lines when it suggests a spelling: one line says it as well. */
function oneLine(text: string): string {
  return `${text.trim().replace(/\s*\n\s*/g, ' ')} (see fettle --help)\n`;
}

/** The commander command of a row, inside its group where the name has two words. */
function nested(program: Program, name: string, row: CommandRow): Program {
  const words = name.split(' ');
  const last = words.pop() ?? name;
  let parent = program;
  for (const word of words) {
    const known = parent.commands.find((command) => command.name() === word);
    const group = known ?? createProgram(word).description(`${word} commands`);
    if (!known) parent.addCommand(group);
    parent = group;
  }
  const command = createProgram(last).description(row.help);
  command.addHelpText('after', `\nExample:\n  $ ${row.example}`);
  parent.addCommand(command);
  return command;
}

function declare(target: Program, command: Command): Program {
  for (const arg of command.args) target.argument(arg.startsWith('[') ? arg : `<${arg}>`);
  for (const option of command.options) target.option(option.flags, option.help, option.default);
  return target.option('--json', 'print one JSON document on standard output, and nothing else');
}

async function runCommand(command: Command, target: Program): Promise<number> {
  const options = target.opts();
  const json = options.json === true;
  const io = createOutput(process, json);
  const stop = new AbortController();
  const release = onInterrupt(stop);
  try {
    const args = namedArguments(command.args, target.args);
    await command.run({ args, options, json, signal: stop.signal, io });
    return exitCodes.done;
  } catch (thrown) {
    if (stop.signal.aborted) return exitCodes.interrupted;
    const error = reportError(thrown);
    io.close();
    process.stderr.write(`error ${error.code}: ${error.message}\n  ${error.hint}\n`);
    if (error.code === 'INTERNAL' && process.env.FETTLE_DEBUG) console.error(thrown);
    io.result({ error });
    return exitCodes.failed;
  } finally {
    release();
    io.close();
  }
}

/**
 * The first signal asks the command to stop; the second one does not ask. A parent that opened a
 * channel (`fettle up`) and is gone counts as a signal: its children don't outlive it.
 */
function onInterrupt(stop: AbortController): () => void {
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort();
  };
  const disconnect = () => stop.abort();
  for (const signal of stopSignals) process.on(signal, interrupt);
  if (process.connected) process.on('disconnect', disconnect);
  return () => {
    for (const signal of stopSignals) process.off(signal, interrupt);
    process.off('disconnect', disconnect);
  };
}

function namedArguments(names: readonly string[], values: readonly string[]) {
  const pairs = names.flatMap((name, index) => {
    const value = values[index];
    return value === undefined ? [] : [[name.replace(/^\[|\]$/g, ''), value] as const];
  });
  return Object.fromEntries(pairs);
}

/** `fettle devices | head` closes the pipe early: that is no error. */
function surviveClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done);
    throw error;
  });
}
