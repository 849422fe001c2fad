/**
 * A controller and agents on this machine, a model rolled out to them, all of it shown until
 * Ctrl-C.
 */

import { reasonOf } from '../../shared/errors.ts';
import { loadPackage } from '../../shared/evaluate/package.ts';
import { formatMs } from '../../shared/terminal/units.ts';
import type { CommandContext } from '../command.ts';
import { type Controller, connectController } from './controller.ts';
import { curlLines } from './curl.ts';
import { freePort } from './ports.ts';
import { agentSpec, controllerFolder, controllerSpec, isEnrolled } from './processes.ts';
import { rollOut } from './rollout.ts';
import { deviceShapes, type Shape } from './shapes.ts';
import { createShow, type Show } from './show.ts';
import { choosePorts, lockFolder, type Ports } from './state.ts';
import { type ChildSpec, type Crash, type Supervised, supervise } from './supervise.ts';
import { isSettled, watch } from './watch.ts';

export interface UpSettings {
  readonly folder: string;
  readonly agents: number;
  /** The package to roll out. */
  readonly packageFolder: string;
}

/** Returns when the context's signal is aborted and every process has ended. */
export async function runUp(settings: UpSettings, context: CommandContext): Promise<void> {
  const unlock = await lockFolder(settings.folder);
  const children: Supervised[] = [];
  try {
    await run(settings, context, children);
  } finally {
    // Agents first, so that their last words still find the controller.
    const [controller, ...agents] = children;
    await Promise.all(agents.map((agent) => agent.stop()));
    await controller?.stop();
    unlock();
  }
}

interface World {
  readonly settings: UpSettings;
  readonly context: CommandContext;
  readonly shapes: readonly Shape[];
  readonly ports: Ports;
  /** The name of the package's model. */
  readonly model: string;
  start(name: string, describe: () => Promise<ChildSpec>): void;
}

async function run(settings: UpSettings, context: CommandContext, children: Supervised[]) {
  const { manifest } = await loadPackage(settings.packageFolder);
  const shapes = deviceShapes(settings.agents);
  const names = shapes.map(({ name }) => name);
  const ports = await choosePorts(settings.folder, names);
  let say = context.io.line;
  const onCrash = ({ name, how, lastWords, delayMs }: Crash) =>
    say(`${name} ended (${how}), again in ${formatMs(delayMs)}: ${lastWords}`);
  const start: World['start'] = (name, describe) => {
    children.push(supervise(name, describe, { onCrash }));
  };
  const world = { settings, context, shapes, ports, start, model: manifest.name };
  const controller = await startController(world);
  if (!controller) return;
  const show = createShow(context, { shapes, dashboard: controller.dashboard });
  say = show.say;
  try {
    await startAgents(world, controller);
    await Promise.all([bringModel(world, controller, show), follow(world, controller, show)]);
  } finally {
    show.close();
  }
}

/** null where Ctrl-C came first. */
async function startController(world: World): Promise<Controller | null> {
  const { settings, ports, context } = world;
  const spec = controllerSpec(settings.folder, ports);
  world.start('controller', async () => spec);
  return await connectController({
    url: `http://127.0.0.1:${ports.controller}`,
    folder: controllerFolder(settings.folder),
    logPath: spec.logPath,
    signal: context.signal,
  });
}

async function startAgents(world: World, controller: Controller): Promise<void> {
  const { shapes, settings, ports } = world;
  const { folder } = settings;
  const strangers = shapes.filter(({ name }) => !isEnrolled(folder, name));
  const token = strangers.length > 0 ? await controller.enrolmentToken(strangers.length) : null;
  for (const shape of shapes) {
    const own = strangers.includes(shape) ? token : null;
    world.start(shape.name, async () => {
      const port = await freePort(ports.agents[shape.name] ?? 0, new Set());
      return agentSpec({ folder, shape, port, controller: controller.url, token: own });
    });
  }
}

async function bringModel(world: World, controller: Controller, show: Show): Promise<void> {
  const { settings, context } = world;
  const { packageFolder } = settings;
  try {
    const { client } = controller;
    await rollOut({ client, packageFolder, say: show.say, signal: context.signal });
  } catch (thrown) {
    if (!context.signal.aborted) throw thrown;
  }
}

/**
 * Shows the fleet until Ctrl-C; the first time that every device has settled, says what to do next.
 */
async function follow(world: World, controller: Controller, show: Show): Promise<void> {
  const { context, shapes, settings, model } = world;
  const names = shapes.map(({ name }) => name);
  let settled = false;
  await watch({
    look: () => controller.look(model),
    signal: context.signal,
    onLost: (thrown) => show.say(`controller: ${reasonOf(thrown)}`),
    onSeen(seen) {
      show.update(seen);
      if (settled || !isSettled(seen, names)) return;
      settled = true;
      const lines = curlLines(seen.devices, settings.packageFolder);
      if (lines.length > 0) show.say('\nClassify the sample on each device:');
      for (const line of lines) show.say(`  ${line}`);
      context.io.result({ ...seen, controller: controller.url, dashboard: controller.dashboard });
    },
  });
}
