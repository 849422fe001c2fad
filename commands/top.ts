/** `fettle top`: the fleet on one screen, redrawn until Ctrl-C; printed once where it can't be. */
import { setTimeout as pause } from 'node:timers/promises';
import { DeviceSummary } from '../shared/protocol/api.ts';
import { createScreen } from '../shared/terminal/screen.ts';
import { createStyle } from '../shared/terminal/style.ts';
import { clientOptions, connect, numberOption, textOption } from './client.ts';
import type { Command } from './command.ts';
import { fetchAll } from './pages.ts';
import { type Loads, topLines, withLoads } from './top/view.ts';

/** Lines that are left to the shell's prompt. */
const promptLines = 2;

export const command: Command = {
  args: [],
  options: [
    { flags: '--selector <labels>', help: 'only those it names, e.g. "room=lab,fact/arch=arm64"' },
    { flags: '--interval-seconds <s>', help: 'how often it looks', default: '2' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const selector = textOption(context, 'selector');
    const query = selector === undefined ? {} : { selector };
    const seconds =
      numberOption(context, 'intervalSeconds', { min: 0.5, flag: '--interval-seconds' }) ?? 2;
    const look = () => fetchAll(client, DeviceSummary, { path: '/api/v1/devices', query, signal });
    if (!io.terminal) {
      const devices = await look();
      const options = { loads: new Map(), rows: devices.length };
      for (const line of topLines(devices, options, createStyle(false))) io.line(line);
      io.result(devices);
      return;
    }
    const screen = createScreen(process.stdout);
    const style = createStyle(io.colours);
    let loads: Loads = new Map();
    try {
      while (!signal.aborted) {
        const devices = await look();
        loads = withLoads(loads, devices);
        const rows = (process.stdout.rows ?? 24) - promptLines;
        screen.draw(topLines(devices, { loads, rows }, style).slice(0, rows));
        await pause(seconds * 1000, undefined, { signal }).catch(() => {});
      }
    } finally {
      screen.close();
    }
  },
};
