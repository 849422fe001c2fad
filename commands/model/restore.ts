/** `fettle model restore NAME [VERSION]`: takes it back into the lists. */
import { archiving } from '../retire.ts';

export const command = archiving('model', 'restore');
