/** What commands share that speak to a controller. */
import { findController } from '../shared/client-config.ts';
import { FettleError } from '../shared/errors.ts';
import { createHttpClient, type HttpClient } from '../shared/http-client.ts';
import type { CommandContext, Option } from './command.ts';
import { controllerCaOption } from './controller-ca.ts';

export const clientOptions: readonly Option[] = [
  {
    flags: '--controller <url>',
    help: 'the controller (else FETTLE_CONTROLLER, else the last one)',
  },
  { flags: '--token <token>', help: 'a token of it (else FETTLE_TOKEN)' },
  controllerCaOption,
];

export async function connect(context: CommandContext): Promise<HttpClient> {
  const controller = textOption(context, 'controller');
  const token = textOption(context, 'token');
  const ca = textOption(context, 'controllerCa');
  return createHttpClient(await findController({ controller, token, ca }));
}

export function textOption(context: CommandContext, name: string): string | undefined {
  const value = context.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** A number given as an option. Throws `BAD_ARGUMENT`. */
export function numberOption(
  context: CommandContext,
  name: string,
  { min = 0, flag }: { min?: number; flag: string },
): number | undefined {
  const text = textOption(context, name);
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  const expected = `a number of at least ${min}`;
  throw new FettleError('BAD_ARGUMENT', { what: flag, expected, got: text });
}

/** An argument that the command requires. */
export function argument(context: CommandContext, name: string): string {
  const value = context.args[name];
  if (value !== undefined) return value;
  throw new FettleError('BAD_ARGUMENT', { what: name, expected: 'a value', got: 'nothing' });
}

/** `name=value` pairs as labels. Throws `BAD_ARGUMENT`. */
export function labelsOption(context: CommandContext, name: string): Record<string, string> {
  const given = context.options[name];
  const pairs = Array.isArray(given) ? given : typeof given === 'string' ? [given] : [];
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
    throw new FettleError('BAD_ARGUMENT', { what: 'label', expected: 'name=value', got: pair });
  });
  return Object.fromEntries(entries);
}
