/** What every command has in common: help, errors in one line, exit codes, output for programs. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { commandTable } from '../commands/table.ts';
import { productRoot, productVersion } from '../shared/product.ts';
import { fettle, temporaryFolder } from './support/fettle.ts';

test('without a command, the commands are listed', async (t) => {
  const { code, stdout } = await fettle([], { home: temporaryFolder(t) });
  t.is(code, 0);
  for (const [name, { help }] of Object.entries(commandTable)) {
    const line = stdout.split('\n').find((one) => one.trim().startsWith(`fettle ${name} `));
    t.true(line?.endsWith(`  ${help}`), name);
  }
});

test('the version is that of the package', async (t) => {
  const { code, stdout } = await fettle(['--version'], { home: temporaryFolder(t) });
  t.is(code, 0);
  t.is(stdout.trim(), productVersion());
});

test('the help of every command shows its example', async (t) => {
  const home = temporaryFolder(t);
  for (const [name, { example }] of Object.entries(commandTable)) {
    const { code, stdout } = await fettle([...name.split(' '), '--help'], { home });
    t.is(code, 0, name);
    t.true(stdout.includes(`$ ${example}`), name);
    t.true(stdout.includes('--json'), name);
  }
});

const mistakes = [
  ['an unknown command', ['profle'], /unknown command profle, did you mean profile\?/],
  ['an unknown option', ['profile', '--bogus'], /unknown option --bogus/],
  ['a word too many', ['profile', 'twice'], /unexpected twice/],
  ['a missing word', ['inspect'], /MODEL\.onnx is missing/],
  ['a value forgotten', ['profile', '--cores', '--json'], /--cores needs a value/],
] as const;

for (const [what, args, message] of mistakes) {
  test(`${what} is one line and exit code 2`, async (t) => {
    const { code, stdout, stderr } = await fettle(args, { home: temporaryFolder(t) });
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.is(stderr.trim().split('\n').length, 1);
  });
}

test('an error is one line with its code, a hint, and exit code 1', async (t) => {
  const { code, stdout, stderr } = await fettle(['profile', '--cores', 'many'], {
    home: temporaryFolder(t),
  });
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^error BAD_ARGUMENT: --cores: expected .*, got many\n {2}\S.*\n$/);
});

test('with --json an error is a document on standard output', async (t) => {
  const { code, stdout } = await fettle(['profile', '--cores', 'many', '--json'], {
    home: temporaryFolder(t),
  });
  t.is(code, 1);
  t.like(JSON.parse(stdout), { error: { code: 'BAD_ARGUMENT', retryable: false } });
});

test('a reader that closes the pipe early is no error', async (t) => {
  const command = `"${process.execPath}" "${join(productRoot(), 'cli.ts')}" --help | head -n 1`;
  const shell = spawn('bash', ['-c', `set -o pipefail; ${command}`], { stdio: 'pipe' });
  const stderr: Buffer[] = [];
  shell.stderr.on('data', (chunk) => stderr.push(chunk));
  shell.stdout.resume();
  const code = await new Promise((resolve) => shell.once('close', resolve));
  t.is(Buffer.concat(stderr).toString(), '');
  t.is(code, 0);
});
