/** Whether a selector names anybody: one that does not is most often misspelt. */
import { FettleError } from '../../shared/errors.ts';
import { type Device, labelsOf } from '../fleet.ts';
import { factsOf } from './facts.ts';
import { parseSelector } from './selector.ts';

/** Throws `SELECTOR_EMPTY`. A device that has not said yet what it is may turn out to match. */
export function requireSomebody(selector: string, devices: readonly Device[]): void {
  if (selector.trim() === '') return;
  const selects = parseSelector(selector);
  const asksFacts = selector.includes('fact/');
  const mayMatch = (device: Device) =>
    (asksFacts && !device.profile) || selects(labelsOf(device), () => factsOf(device));
  if (devices.some(mayMatch)) return;
  throw new FettleError('SELECTOR_EMPTY', { selector, devices: devices.length });
}
