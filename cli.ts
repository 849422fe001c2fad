#!/usr/bin/env node
/**
 * `fettle`: finds the command in the table, loads only that file, parses its options and runs it.
 */
import type { Command } from './commands/command.ts';
import { completionsOf } from './commands/complete.ts';
import { endingOf, exitTable } from './commands/exit-codes.ts';
import { type Parsed, parseWords } from './commands/grammar.ts';
import { commandHelp, overview } from './commands/help.ts';
import { createOutput } from './commands/output.ts';
import { commandName, commandTable } from './commands/table.ts';
import { reportError } from './shared/errors.ts';
import { nearest } from './shared/nearest.ts';
import { productVersion } from './shared/product.ts';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

process.exitCode = await main(process.argv.slice(2));
// Native libraries may hold threads and sockets open that no one waits for any more.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise((resolve) => stream.write('', resolve));
}
process.exit();

async function main(typed: readonly string[]): Promise<number> {
  surviveClosedPipe();
  const asksHelp = typed[0] === 'help';
  const words = asksHelp ? typed.slice(1) : typed;
  const [first] = words;
  if (first === '--version' || first === '-V') return print(productVersion());
  if (first === undefined || first === '--help' || first === '-h') {
    return print(overview(commandTable));
  }
  if (first === '--complete') {
    return print((await completionsOf(words.slice(1))).join('\n'));
  }
  const name = commandName(words);
  const row = name === null ? undefined : commandTable[name];
  if (name === null || !row) return notACommand(words);
  const { command } = await row.load();
  const parsed = parseWords(command, words.slice(name.split(' ').length));
  if (asksHelp || ('help' in parsed && parsed.help)) return print(commandHelp(name, row, command));
  if ('mistake' in parsed) return refuse(`${parsed.mistake} (see fettle ${name} --help)`);
  return await runCommand(command, parsed);
}

function notACommand([first = '', second]: readonly string[]): number {
  const names = Object.keys(commandTable);
  if (names.some((name) => name.startsWith(`${first} `))) {
    if (second === undefined || second === '--help') return print(overview(commandTable, first));
    const near = nearest(`${first} ${second}`, names);
    return refuse(`unknown command ${first} ${second}${suggestion(near)} (see fettle ${first})`);
  }
  const near = nearest(first, [...names, ...names.map((name) => name.split(' ')[0] ?? name)]);
  return refuse(`unknown command ${first}${suggestion(near)} (see fettle --help)`);
}

function suggestion(near: string | null): string {
  return near === null ? '' : `, did you mean ${near}?`;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return exitTable.done.code;
}

function refuse(mistake: string): number {
  process.stderr.write(`error: ${mistake}\n`);
  return exitTable.usage.code;
}

async function runCommand(command: Command, { args, rest, options }: Parsed): Promise<number> {
  const json = options.json === true;
  const io = createOutput(process, json);
  const stop = new AbortController();
  const release = onInterrupt(stop);
  try {
    const ending = await command.run({ args, rest, options, json, signal: stop.signal, io });
    return exitTable[ending ?? 'done'].code;
  } catch (thrown) {
    if (stop.signal.aborted) return exitTable.interrupted.code;
    const error = reportError(thrown);
    io.close();
    process.stderr.write(`error ${error.code}: ${error.message}\n  ${error.hint}\n`);
    if (error.code === 'INTERNAL' && process.env.FETTLE_DEBUG) console.error(thrown);
    io.result({ error });
    return exitTable[endingOf(error.code)].code;
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
    if (stop.signal.aborted) process.exit(exitTable.interrupted.code);
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

/** `fettle devices | head` closes the pipe early: that is no error. */
function surviveClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitTable.done.code);
    throw error;
  });
}
