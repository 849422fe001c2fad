/** `fettle release archive RELEASE`: takes it out of the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('release', 'archive');
