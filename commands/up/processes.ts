/** The command lines of the demonstration's processes: the same that run in an installation. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Shape } from './shapes.ts';
import type { Ports } from './state.ts';
import type { ChildSpec } from './supervise.ts';

/** `cli.ts` in a checkout, `cli.js` where the package was built. */
const cli = join(import.meta.dirname, '..', '..', `cli${extname(import.meta.filename)}`);

export function controllerSpec(folder: string, ports: Ports): ChildSpec {
  const options = [
    ...['--data', controllerFolder(folder)],
    ...['--port', String(ports.controller), '--broker-port', String(ports.broker)],
  ];
  return spec(folder, 'controller', [process.execPath, cli, 'controller', ...options]);
}

export interface AgentPlace {
  readonly folder: string;
  readonly shape: Shape;
  readonly port: number;
  readonly controller: string;
  /** null where it is enrolled. */
  readonly token: string | null;
}

export function agentSpec({ folder, shape, port, controller, token }: AgentPlace): ChildSpec {
  const options = [
    ...['--name', shape.name, '--data', agentFolder(folder, shape.name)],
    ...['--controller', controller, '--http-port', String(port)],
    ...['--label', `shape=${shape.name}`, ...shape.options],
  ];
  const [program = process.execPath, ...prefix] = [...shape.prefix, process.execPath];
  const child = spec(folder, shape.name, [program, ...prefix, cli, 'agent', ...options]);
  // Not on the command line, which every user of the machine can read.
  const secret = token === null ? {} : { FETTLE_ENROL_TOKEN: token };
  return { ...child, environment: { ...child.environment, ...secret } };
}

export function controllerFolder(folder: string): string {
  return join(folder, 'controller');
}

/** Whether the agent of this folder has been told who it is (agent/enrol.ts). */
export function isEnrolled(folder: string, name: string): boolean {
  return existsSync(join(agentFolder(folder, name), 'identity.json'));
}

function agentFolder(folder: string, name: string): string {
  return join(folder, 'agents', name);
}

function spec(folder: string, name: string, command: ChildSpec['command']): ChildSpec {
  const logPath = join(folder, 'logs', `${name}.log`);
  return { name, command, environment: process.env, logPath };
}
