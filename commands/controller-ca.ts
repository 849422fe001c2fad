/** The option of whoever speaks to a controller that a private authority vouches for. */
import type { Option } from './command.ts';

export const controllerCaOption: Option = {
  flags: '--controller-ca <file>',
  help: 'authority of a controller at https://, in PEM (else FETTLE_CONTROLLER_CA)',
};
