/** `fettle release remove RELEASE`: removes it with its files. */
import { removing } from '../retire.ts';

export const command = removing('release');
