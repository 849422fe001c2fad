/** `fettle rollout restore ROLLOUT`: takes it back into the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('rollout', 'restore');
