/**
 * Style as a test: sizes, import fences, one door per package, dead files, and lists that must
 * agree.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { commandTable } from '../commands/table.ts';
import { errorTable } from '../shared/errors.ts';
import { productRoot } from '../shared/product.ts';
import {
  deadFindings,
  deviceEntries,
  deviceFindings,
  doorFindings,
  doors,
  fenceFindings,
} from './support/tidy/fences.ts';
import { importGraph } from './support/tidy/imports.ts';
import { type Finding, rules } from './support/tidy/rules.ts';
import { readSources } from './support/tidy/sources.ts';

const sources = readSources();
const graph = importGraph(sources);

for (const rule of rules) {
  test(rule.name, (t) => expectNone(t, sources.flatMap(rule.find), rule.instead));
}

test('parts import downwards only', (t) => {
  expectNone(t, fenceFindings(graph), 'move what both sides use to shared/');
});

test('a heavy package has one door', (t) => {
  expectNone(t, doorFindings(graph), 'import the door file');
  for (const path of [...Object.values(doors).flat(), ...deviceEntries]) {
    t.true(graph.has(path), `${path} is named by a rule and does not exist`);
  }
});

test('a device loads only what a device needs', (t) => {
  expectNone(t, deviceFindings(graph), 'split the file, so that the agent imports only its part');
});

test('every file is reached', (t) => {
  expectNone(t, deadFindings(graph), 'use it or delete it');
});

test('the command table and the command files agree', async (t) => {
  const files = readdirSync(join(productRoot(), 'commands'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replace(/\.ts$/, '').replaceAll('/', ' '))
    .filter(exportsCommand);
  t.deepEqual(Object.keys(commandTable).sort(), files.sort());
  for (const [name, row] of Object.entries(commandTable)) {
    t.regex(row.example, new RegExp(`^fettle ${name}\\b`), `the example of ${name}`);
    t.is(typeof (await row.load()).command.run, 'function', `${name} runs`);
  }
});

test('every error code is raised somewhere', (t) => {
  const text = sources
    .filter(({ path }) => path !== 'shared/errors.ts' && !path.startsWith('test/'))
    .map((source) => source.text)
    .join('\n');
  const unused = Object.keys(errorTable).filter((code) => !text.includes(`'${code}'`));
  t.deepEqual(unused, [], 'delete the row of shared/errors.ts, or raise it');
});

test('the lock file names only the public registry', (t) => {
  const lock = readFileSync(join(productRoot(), 'package-lock.json'), 'utf8');
  const hosts = new Set([...lock.matchAll(/"resolved": "([a-z+]+:\/\/[^/"]+)/g)].map((m) => m[1]));
  t.deepEqual(
    [...hosts].filter((host) => host !== 'https://registry.npmjs.org'),
    [],
  );
});

function exportsCommand(name: string): boolean {
  const source = sources.find(({ path }) => path === `commands/${name.replaceAll(' ', '/')}.ts`);
  return source !== undefined && /^export const command\b/m.test(source.text);
}

function expectNone(t: ExecutionContext, findings: readonly Finding[], instead: string): void {
  const lines = findings.map(({ path, line, what }) => `${path}:${line}: ${what}; ${instead}`);
  t.deepEqual(lines, []);
}
