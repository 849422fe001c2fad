/** `fettle rollout archive ROLLOUT`: takes it out of the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('rollout', 'archive');
