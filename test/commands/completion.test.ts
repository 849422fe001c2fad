import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { productRoot } from '../../shared/product.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';

const rows = [
  ['a first word', ['roll'], ['rollout']],
  ['the second word of a group', ['rollout', 'p'], ['pause']],
  ['an option of a command', ['compress', 'model.onnx', '--weight'], ['--weight-only']],
  ['an option of a command of two words', ['rollout', 'start', '--soak'], ['--soak-seconds']],
  ['an option that all have', ['devices', '--js'], ['--json']],
] as const;

for (const [title, words, expected] of rows) {
  test(`completes ${title}`, async (t) => {
    const { stdout, code } = await fettle(['--complete', ...words], { home: temporaryFolder(t) });
    t.is(code, 0);
    t.deepEqual(stdout.trim().split('\n'), [...expected]);
  });
}

test('the script for bash completes in bash', async (t) => {
  const home = temporaryFolder(t);
  const { stdout: script } = await fettle(['completion', 'bash'], { home });
  writeFileSync(join(home, 'script'), script);
  const program = join(home, 'fettle');
  const cli = join(productRoot(), 'cli.ts');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`);
  chmodSync(program, 0o755);
  const asks = `source script; COMP_WORDS=(fettle rollout pau); COMP_CWORD=2
    _fettle fettle pau rollout; echo "\${COMPREPLY[*]}"`;
  const env = { PATH: `${home}:${process.env.PATH}`, HOME: home };
  const answer = execFileSync('bash', ['-c', asks], { cwd: home, env, encoding: 'utf8' });
  t.is(answer.trim(), 'pause');
});

test('an unknown shell is refused with those there are', async (t) => {
  const { code, stderr } = await fettle(['completion', 'tcsh'], { home: temporaryFolder(t) });
  t.is(code, 1);
  t.regex(stderr, /expected bash, zsh, fish, got tcsh/);
});
