/** The versions of the model that scenarios roll out, each pushed once. */
import type { TinyOptions } from '../tiny-package.ts';
import type { Behaviour } from './behaviour.ts';

interface Version extends Behaviour {
  readonly files: TinyOptions;
}

/** The first one is what every device serves before. */
export const versions = {
  first: { flaw: null, files: {} },
  good: { flaw: null, files: { bias: 1 } },
  /** Its quality falls, and some of its requests fail. */
  worse: { flaw: 'failing', files: { wrongBy: 1 } },
  /** Without data of its own: the controller cannot compare it, the devices can. */
  'other answers': { flaw: 'other answers', files: { wrongBy: 1, data: false } },
} as const satisfies Record<string, Version>;

export type VersionName = keyof typeof versions;
