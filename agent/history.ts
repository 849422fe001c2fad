/**
 * Which of this device's reports are entries of its log: each change of state, of the variant that
 * answers, and of the agent, once.
 */
import { uptime } from 'node:os';
import type { Message, Serving } from '../shared/protocol/messages.ts';
import type { Happening } from './events.ts';
import { name } from './tune/explain.ts';

type Reported = Message<'reported'>;

/** The same turn of one revision, a retry after a failure say, is told again after this time. */
const againMs = 3_600_000;

/** Whether the machine itself came up anew is what one wants to know beside it. */
export function started(version: string): Happening {
  const minutes = Math.round(uptime() / 60);
  const message = `agent ${version} started; the machine has been up for ${minutes} min`;
  return { kind: 'agent', level: 'info', code: 'STARTED', message };
}

export const stopped: Happening = {
  ...{ kind: 'agent', level: 'info', code: 'STOPPED' },
  message: 'agent stopped in good order',
};

/** Returns what is to be called with every report. */
export function createHistory(
  note: (happening: Happening) => void,
  nowMs: () => number = () => performance.now(),
): (reported: Reported) => void {
  let last: Reported | null = null;
  let told = new Map<string, number>();
  return (reported) => {
    const before = last;
    last = reported;
    if (before?.revision !== reported.revision) told = new Map();
    for (const happening of changesOf(before, reported)) {
      const key = `${happening.kind} ${happening.code} ${reported.error?.code}`;
      const isRepeat =
        happening.kind !== 'variant' && nowMs() - (told.get(key) ?? -againMs) < againMs;
      if (isRepeat) continue;
      told.set(key, nowMs());
      note(happening);
    }
  };
}

function changesOf(before: Reported | null, now: Reported): Happening[] {
  return [variantChange(before, now), stateChange(before, now), agentChange(before, now)].flatMap(
    (change) => change ?? [],
  );
}

function stateChange(before: Reported | null, now: Reported): Happening | null {
  const { state, revision, error, reason } = now;
  const isSame =
    before?.state === state && before.revision === revision && before.error?.code === error?.code;
  if (isSame) return null;
  const level = state === 'failed' ? 'error' : error ? 'warn' : 'info';
  const runs = now.serving ? `${nameOf(now.serving)} serves` : 'nothing serves';
  const message = `revision ${revision}: ${state === 'failed' ? `${runs}; ${reason}` : reason}`;
  return { kind: 'state', level, code: state.toUpperCase(), message };
}

function variantChange(before: Reported | null, now: Reported): Happening | null {
  const [old, serving] = [before?.serving ?? null, now.serving];
  if (keyOf(old) === keyOf(serving)) return null;
  const kind = 'variant';
  if (serving === null) {
    return {
      kind,
      level: 'info',
      code: 'RETIRED',
      message: `${old ? nameOf(old) : 'it'} is taken out; nothing serves`,
    };
  }
  const from = old ? ` in place of ${nameOf(old)}` : '';
  const message = `${nameOf(serving)} (${serving.variant.slice(0, 19)}) serves${from}`;
  return { kind, level: 'info', code: 'SERVES', message };
}

function agentChange(before: Reported | null, now: Reported): Happening | null {
  const [old, agent] = [before?.agent, now.agent];
  // What the agent says first is what its start has said.
  if (!agent || !old || (old.state === agent.state && old.revision === agent.revision)) return null;
  const level = agent.state === 'failed' ? 'error' : agent.error ? 'warn' : 'info';
  return {
    kind: 'agent',
    level,
    code: `AGENT_${agent.state.toUpperCase()}`,
    message: agent.reason,
  };
}

function keyOf(serving: Serving | null): string {
  return serving
    ? JSON.stringify([serving.model, serving.version, serving.variant, serving.plan])
    : '';
}

function nameOf(serving: Serving): string {
  return `${serving.model} ${serving.version} as ${name(serving)}`;
}
