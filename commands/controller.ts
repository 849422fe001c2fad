/** `fettle controller`: the daemon that keeps models, variants, devices and rollouts. */
import { flagOf, readSettings, settingTable } from '../controller/settings.ts';
import type { Command, Option } from './command.ts';

export const command: Command = {
  args: [],
  options: Object.entries(settingTable).map(([name, setting]): Option => {
    const usual = setting.default === null ? '' : ` (${setting.default})`;
    return { flags: `${flagOf(name)} <${setting.type}>`, help: `${setting.help}${usual}` };
  }),
  async run({ options, signal, io }) {
    const { json: _, ...flags } = options;
    const given = Object.entries(flags).map(([name, value]) => [name, value?.toString()]);
    const { startController } = await import('../controller/main.ts');
    const controller = await startController(readSettings(Object.fromEntries(given), process.env));
    const { url, brokerUrl, adminToken } = controller;
    io.line(`controller  ${url}`);
    io.line(`broker      ${brokerUrl}`);
    io.line(`dashboard   ${url}/#token=${adminToken}`);
    io.result({ url, brokerUrl, adminToken });
    await ended(signal);
    await controller.stop();
  },
};

function ended(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
