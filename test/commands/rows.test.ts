/** Tables and facts on a terminal and off it, through a command as a user runs it. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { productRoot } from '../../shared/product.ts';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { displayWidth } from '../../shared/terminal/table.ts';
import { startTestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { programOrSkip } from '../support/programs.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const reason = 'tries again, since the disk has had no room for the variant since this morning';

async function fleetOfOne(t: ExecutionContext) {
  const test = await startTestController(t);
  const { url, adminToken } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  await device.report('tuning', { reason });
  const path = '/api/v1/devices/pi-1';
  await until('its report', async () => {
    const { reported } = await test.client.call(DeviceSummary, path);
    return reported?.reason === reason;
  });
  return { FETTLE_CONTROLLER: url, FETTLE_TOKEN: adminToken };
}

/** What the command prints on a terminal of so many columns, by util-linux's script(1). */
async function onTerminal(
  program: string,
  args: string,
  { columns, env }: { columns: number; env: Record<string, string> },
): Promise<string[]> {
  const options = { env: environment(env), timeout: 120_000 };
  const { stdout } = await run(program, scriptOf(args, columns), options);
  return stdout.split(/\r?\n/);
}

function scriptOf(args: string, columns: number): string[] {
  const cli = join(productRoot(), 'cli.ts');
  const command = `stty cols ${columns} rows 30; exec '${process.execPath}' '${cli}' ${args}`;
  return ['-qec', command, '/dev/null'];
}

function environment(env: Readonly<Record<string, string>>) {
  return { PATH: process.env.PATH, TERM: 'xterm', HOME: '/nonexistent', ...env };
}

test('rows are cut and texts wrapped on a narrow terminal, whole where piped', async (t) => {
  const program = programOrSkip(t, 'script');
  if (!program) return;
  const env = await fleetOfOne(t);
  const narrow = await onTerminal(program, 'devices', { columns: 60, env });
  for (const line of narrow) t.true(displayWidth(line) <= 60, line);
  t.regex(narrow.join('\n'), /pi-1 +tuning .*…/);
  const shown = await onTerminal(program, 'device show pi-1', { columns: 60, env });
  for (const line of shown) t.true(displayWidth(line) <= 60, line);
  t.is(shown.join(' ').replace(/\s+/g, ' ').includes(reason), true, 'nothing of it is lost');
  const home = temporaryFolder(t);
  for (const args of [['devices'], ['device', 'show', 'pi-1']]) {
    const piped = await fettle(args, { home, env });
    t.true(piped.stdout.includes(reason), piped.stdout);
    t.false(piped.stdout.includes('\u001b'));
  }
});

const hidesCursor = '\u001b[?25l';

for (const [title, more] of Object.entries({ colours: {}, 'no colours': { NO_COLOR: '1' } })) {
  test(`the live view is redrawn, with ${title}`, async (t) => {
    const program = programOrSkip(t, 'script');
    if (!program) return;
    const env = await fleetOfOne(t);
    const child = spawn(program, scriptOf('top', 80), { env: environment({ ...env, ...more }) });
    t.teardown(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const looks = () => text.split(hidesCursor).length - 1;
    await until('two looks at the device', () => looks() > 1 && /pi-1 +\S*tuning/.test(text));
    t.is(text.includes('\u001b[36m'), !('NO_COLOR' in more));
  });
}
