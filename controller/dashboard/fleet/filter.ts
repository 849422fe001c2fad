/**
 * The filter above the fleet: words, and requirements as in a Kubernetes label selector, all of
 * which must hold:
 * `hall`, `zone=hall`, `zone!=hall`, `zone in (hall, roof)`, `zone notin (roof)`, `!zone`,
 * and `class="with spaces"`.
 */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { healthOf } from '../state/health.ts';

export type Test = (device: DeviceSummary) => boolean;

const term =
  /([^\s,=!()"]+)\s+(in|notin)\s*\(([^)]*)\)|([^\s,=!()"]+)(!=|==?)"([^"]*)"|([^\s,()]+)/g;

/** A test of one device; a filter of nothing accepts every device. */
export function parseFilter(text: string): Test {
  const tests = [...text.toLowerCase().matchAll(term)].map(
    ([whole, setKey, verb, set, key, operator, value]) => {
      if (setKey !== undefined && set !== undefined) return setTest(setKey, verb === 'in', set);
      if (key !== undefined && value !== undefined) return equalTest(key, operator ?? '=', value);
      return wordTest(whole);
    },
  );
  return (device) => tests.every((test) => test(device));
}

function setTest(key: string, wanted: boolean, set: string): Test {
  const values = new Set(set.split(/[\s,]+/).filter((value) => value !== ''));
  return (device) => values.has(factOf(device, key) ?? '') === wanted;
}

function wordTest(word: string): Test {
  const requirement = /^([^=!]+)(!=|==?)(.*)$/.exec(word);
  if (requirement) {
    const [, key = '', operator, value = ''] = requirement;
    return equalTest(key, operator ?? '=', value);
  }
  if (word.startsWith('!') && word.length > 1) {
    const key = word.slice(1);
    return (device) => factOf(device, key) === undefined;
  }
  return (device) => mentions(device, word);
}

function equalTest(key: string, operator: string, value: string): Test {
  const wanted = operator !== '!=';
  return (device) => ((factOf(device, key) ?? '') === value) === wanted;
}

/**
 * A label, or one of the facts the table shows, in lower case; a label wins over a fact of its
 * name.
 */
function factOf(device: DeviceSummary, key: string): string | undefined {
  if (Object.hasOwn(device.labels, key)) return device.labels[key]?.toLowerCase();
  const serving = device.reported?.serving;
  const facts: Readonly<Record<string, string | null | undefined>> = {
    device: device.device,
    state: healthOf(device),
    class: device.hardwareClass,
    board: device.board,
    model: serving?.model,
    version: serving?.version.toString(),
    variant: serving?.recipeName,
    error: device.reported?.error?.code,
  };
  return Object.hasOwn(facts, key) ? facts[key]?.toLowerCase() : undefined;
}

/** Whether a name, a label or a fact has a word of lower case in it. */
function mentions(device: DeviceSummary, word: string): boolean {
  const has = (text: string | null | undefined) => text?.toLowerCase().includes(word) ?? false;
  const serving = device.reported?.serving;
  return (
    has(device.device) ||
    healthOf(device).includes(word) ||
    has(device.hardwareClass) ||
    has(device.board) ||
    (serving ? has(`${serving.model}@${serving.version} ${serving.recipeName}`) : false) ||
    Object.entries(device.labels).some(([key, value]) => has(`${key}=${value}`))
  );
}

/** The filter with a requirement added, or taken out where it is there already. */
export function toggleTerm(filter: string, key: string, value: string): string {
  const wanted = /[\s,()"]/.test(value) ? `${key}="${value}"` : `${key}=${value}`;
  const without = ` ${filter} `.replace(` ${wanted} `, ' ').trim();
  return hasTerm(filter, key, value) ? without : `${filter} ${wanted}`.trim();
}

export function hasTerm(filter: string, key: string, value: string): boolean {
  const padded = ` ${filter} `;
  return padded.includes(` ${key}=${value} `) || padded.includes(` ${key}="${value}" `);
}
