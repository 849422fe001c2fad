/** `fettle rollout remove ROLLOUT`: removes it with its files. */
import { removing } from '../retire.ts';

export const command = removing('rollout');
