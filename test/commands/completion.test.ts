import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { productRoot } from '../../shared/product.ts';
import { startTestController } from '../support/controller.ts';
import { enrolDevice } from '../support/device.ts';
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

test('completes names that the controller knows, and none where it is away', async (t) => {
  const { controller, enrolmentToken } = await startTestController(t);
  const token = await enrolmentToken(2);
  for (const name of ['pi-kitchen', 'pi-cellar']) {
    await enrolDevice({ url: controller.url, token, name });
  }
  const env = { FETTLE_CONTROLLER: controller.url, FETTLE_TOKEN: controller.adminToken };
  const completes = async (words: readonly string[], more: Record<string, string> = {}) => {
    const options = { home: temporaryFolder(t), env: { ...env, ...more } };
    const { stdout, code } = await fettle(['--complete', ...words], options);
    t.is(code, 0);
    return stdout.trim().split('\n').toSorted();
  };
  t.deepEqual(await completes(['device', 'show', 'pi-']), ['pi-cellar', 'pi-kitchen']);
  t.deepEqual(await completes(['device', 'why', '--json', 'pi-k']), ['pi-kitchen']);
  t.deepEqual(await completes(['device', 'show', '--controller', '']), ['']);
  t.deepEqual(await completes(['device', 'show', 'pi-kitchen', '']), ['']);
  const away = { FETTLE_CONTROLLER: 'http://127.0.0.1:1' };
  t.deepEqual(await completes(['device', 'show', ''], away), ['']);
});

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
