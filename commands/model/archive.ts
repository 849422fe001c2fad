/** `fettle model archive NAME [VERSION]`: takes it out of the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('model', 'archive');
