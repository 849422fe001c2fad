/** What the parts of one measurement share. */
import type { DataSet } from '../../evaluate/dataset.ts';
import type { Products } from '../../linear/product.ts';
import type { Progress } from '../../variants.ts';

/**
 * How units are judged: by the size of the weights that read them, by that and the variance of
 * what is read, or by the error that is left when the other weights make up for them.
 */
export type Importance = 'weights' | 'activations' | 'error';

export interface PruneRun {
  readonly dataSet: DataSet;
  /** Samples at most. */
  readonly limit: number;
  /** Which of them: all, or to fit with some and to judge with the others. */
  readonly part?: 'fit' | 'judge';
  readonly memoryBytes: number;
  readonly threads: number;
  readonly importance: Importance;
  /** Whether layers are fitted again. */
  readonly fit: boolean;
  readonly products: Products;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
