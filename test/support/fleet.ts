/**
 * A controller and agents as real processes, which a test may kill and start again at any moment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { agentSpec, controllerFolder, controllerSpec } from '../../commands/up/processes.ts';
import { deviceShapes, type Shape } from '../../commands/up/shapes.ts';
import { choosePorts, type Ports } from '../../commands/up/state.ts';
import type { ChildSpec } from '../../commands/up/supervise.ts';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { until } from './until.ts';

export interface FleetOptions {
  readonly folder: string;
  readonly agents: number;
  /** Further options of `fettle controller`, e.g. `--broker`. */
  readonly controllerOptions?: readonly string[];
}

export interface Fleet {
  readonly client: HttpClient;
  readonly ports: Ports;
  readonly shapes: readonly Shape[];
  readonly token: string;
  /** Names of the processes: `controller` and the shapes'. */
  readonly names: readonly string[];
  pid(name: string): number | null;
  start(name: string): void;
  /** As a power cut does: at once, without a chance to clean up. */
  kill(name: string): Promise<void>;
  /** Ends agents, then the controller, in good order. */
  stop(): Promise<void>;
}

/** Tests run side by side: the usual ports would be wanted by all of them. */
const anyPorts = { controller: 0, broker: 0, firstAgent: 0 };

/** Returns when the controller answers and every agent has been started. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { folder, agents, controllerOptions = [] } = options;
  const shapes = deviceShapes(agents);
  const own = shapes.map(({ name }) => name);
  const ports = await choosePorts(folder, own, anyPorts);
  const running = new Map<string, ChildProcess>();
  const specs = new Map<string, ChildSpec>();
  const add = (spec: ChildSpec) => {
    specs.set(spec.name, spec);
    running.set(spec.name, launch(spec));
  };
  const controller = controllerSpec(folder, ports);
  add({ ...controller, command: [...controller.command, ...controllerOptions] });
  const url = `http://127.0.0.1:${ports.controller}`;
  const token = await waitForToken(folder, controller.logPath);
  const client = createHttpClient({ url, token });
  await until('the controller', () => answers(client), { timeoutMs: 60_000 });
  const Token = v.object({ token: v.string() });
  const body = { maxUses: Math.max(1, agents) };
  const enrolment = await client.call(Token, '/api/v1/enrolment-tokens', { method: 'POST', body });
  for (const shape of shapes) {
    const port = ports.agents[shape.name] ?? 0;
    add(agentSpec({ folder, shape, port, controller: url, token: enrolment.token }));
  }
  const names = [...specs.keys()];
  return {
    ...{ client, ports, shapes, token, names },
    pid: (name) => running.get(name)?.pid ?? null,
    start(name) {
      const spec = specs.get(name);
      if (spec) running.set(name, launch(spec));
    },
    kill: (name) => end(running.get(name), 'SIGKILL'),
    async stop() {
      await Promise.all(own.map((name) => end(running.get(name), 'SIGTERM')));
      await end(running.get('controller'), 'SIGTERM');
    },
  };
}

async function waitForToken(folder: string, logPath: string): Promise<string> {
  const path = join(controllerFolder(folder), 'secrets', 'admin-token');
  try {
    await until('the administrator token', () => existsSync(path), { timeoutMs: 60_000 });
  } catch (thrown) {
    throw new Error(`the controller did not start:\n${readFileSync(logPath, 'utf8')}`, {
      cause: thrown,
    });
  }
  return readFileSync(path, 'utf8').trim();
}

async function answers(client: HttpClient): Promise<boolean> {
  try {
    await client.call(v.unknown(), '/api/v1/session', { timeoutMs: 5000 });
    return true;
  } catch {
    return false;
  }
}

function launch({ command, environment, logPath }: ChildSpec): ChildProcess {
  const [program, ...args] = command;
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, 'a');
  const child = spawn(program, args, { env: environment, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}
