/** `fettle model remove NAME [VERSION]`: removes it with its files. */
import { removing } from '../retire.ts';

export const command = removing('model');
