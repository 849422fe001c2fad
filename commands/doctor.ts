/** `fettle doctor`: what works on this device, what does not, and what to do about it. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Check } from '../agent/doctor/check.ts';
import { FettleError } from '../shared/errors.ts';
import { runtimePathVariable } from '../shared/evaluate/own-runtime.ts';
import { createStyle } from '../shared/terminal/style.ts';
import { trustAlso } from '../shared/trust.ts';
import type { Command } from './command.ts';
import { controllerCaOption } from './controller-ca.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--data <folder>', help: 'where the agent keeps its state' },
    { flags: '--controller <url>', help: 'address of the controller; known from the enrolment' },
    controllerCaOption,
    { flags: '--mqtt-ca <file>', help: 'authority of a broker at mqtts:// or wss://, in PEM' },
    { flags: '--mqtt-cert <file>', help: 'certificate that the agent shows the broker, in PEM' },
    { flags: '--mqtt-key <file>', help: 'its private key, in PEM' },
    { flags: '--runtime-path <folder>', help: 'try a build of onnxruntime-node of your own' },
    { flags: '--root <folder>', help: 'a recorded device: a folder that stands for /' },
  ],
  async run({ options, signal, io }) {
    const { data, controller, controllerCa, root, runtimePath } = options;
    if (typeof runtimePath === 'string') {
      process.env[runtimePathVariable] = resolve(runtimePath);
    }
    const { FETTLE_AGENT_CONTROLLER_CA: agentCa, FETTLE_CONTROLLER_CA: anyCa } = process.env;
    const ca = tlsFile(controllerCa, agentCa || anyCa);
    if (ca !== null) trustAlso(ca);
    const { examine } = await import('../agent/doctor/doctor.ts');
    const checks = await examine({
      dataFolder: typeof data === 'string' ? data : usualFolder(),
      controller: typeof controller === 'string' ? controller : null,
      tls: {
        ca: tlsFile(options.mqttCa, process.env.FETTLE_AGENT_MQTT_CA),
        cert: tlsFile(options.mqttCert, process.env.FETTLE_AGENT_MQTT_CERT),
        key: tlsFile(options.mqttKey, process.env.FETTLE_AGENT_MQTT_KEY),
      },
      root: typeof root === 'string' ? root : null,
      signal,
    });
    for (const line of checks.flatMap(linesOf(io.colours))) io.line(line);
    const failures = checks.filter(({ state }) => state === 'failed');
    if (failures.length === 0) return io.result({ ok: true, checks });
    io.result({ ok: false, checks });
    const what = failures.map((one) => one.what).join(', ');
    throw new FettleError('DEVICE_UNFIT', {
      ...{ failed: failures.length, checks: checks.length, what },
    });
  },
};

/** As the agent's service is told, where nothing is said here. */
function tlsFile(given: unknown, told: string | undefined): string | null {
  const path = typeof given === 'string' ? given : told;
  return path ? resolve(path) : null;
}

/** Of the service that is installed here, else where an agent of this user keeps its state. */
function usualFolder(): string {
  const { FETTLE_AGENT_DATA: told } = process.env;
  if (told) return told;
  const installed = '/var/lib/fettle';
  return existsSync(installed) ? installed : join(homedir(), '.local/state/fettle/agent');
}

const marks = { ok: 'ok', hint: 'hint', failed: 'FAILED', skipped: '–' } as const;
const colours = { ok: 'green', hint: 'yellow', failed: 'red', skipped: 'dim' } as const;

function linesOf(coloured: boolean): (check: Check) => string[] {
  const style = createStyle(coloured);
  return ({ what, state, found, todo }) => {
    const mark = style[colours[state]](marks[state].padEnd(7));
    const line = `${mark} ${what.padEnd(18)} ${found}`;
    return todo === null ? [line] : [line, `${' '.repeat(27)}${style.dim(`→ ${todo}`)}`];
  };
}
