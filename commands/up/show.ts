/**
 * Shows what happens: a block that is redrawn on a terminal, lines of a log elsewhere, nothing for
 * programs.
 */
import type { DeviceSummary } from '../../shared/protocol/api.ts';
import { createScreen } from '../../shared/terminal/screen.ts';
import { createStyle } from '../../shared/terminal/style.ts';
import type { CommandContext } from '../command.ts';
import type { Shape } from './shapes.ts';
import { logLine, pictureLines } from './view.ts';
import type { Seen } from './watch.ts';

export interface Show {
  /** A line that stays. */
  say(text: string): void;
  update(seen: Seen): void;
  close(): void;
}

export interface ShowOptions {
  readonly shapes: readonly Shape[];
  readonly dashboard: string;
}

export function createShow(context: CommandContext, options: ShowOptions): Show {
  return context.io.terminal ? createLiveShow(context, options) : createLogShow(context, options);
}

/** Points of the line that shows how requests go. */
const trendLength = 30;

function createLiveShow({ io }: CommandContext, { shapes, dashboard }: ShowOptions): Show {
  const screen = createScreen(process.stdout);
  const style = createStyle(io.colours);
  const loads = new Map<string, number[]>();
  return {
    say: screen.log,
    update({ model, devices }) {
      for (const { device, recent } of devices) {
        const load = loads.get(device) ?? [];
        loads.set(device, [...load, recent?.requestsPerSecond ?? 0].slice(-trendLength));
      }
      screen.draw(pictureLines({ shapes, model, devices, loads, dashboard }, style));
    },
    close: screen.close,
  };
}

/** A line when a device's state or reason changes, not when its progress does. */
function createLogShow({ io }: CommandContext, { shapes, dashboard }: ShowOptions): Show {
  const last = new Map<string, string>();
  const own = (device: DeviceSummary) => shapes.some(({ name }) => name === device.device);
  io.line(`dashboard: ${dashboard}`);
  return {
    say: io.line,
    update({ devices }) {
      for (const device of devices.filter(own)) {
        const line = logLine(device);
        if (last.get(device.device) === line) continue;
        last.set(device.device, line);
        io.line(line);
      }
    },
    close() {},
  };
}
