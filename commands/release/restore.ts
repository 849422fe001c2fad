/** `fettle release restore RELEASE`: takes it back into the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('release', 'restore');
