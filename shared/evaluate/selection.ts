/** Which samples of a data set are run, and how many at a time. */
export interface Selection {
  /** Ends after so many samples. */
  readonly limit?: number | undefined;
  /** Takes each k-th sample only, the first of them number `from`. */
  readonly every?: number | undefined;
  readonly from?: number | undefined;
  /** Samples of a run where the model leaves that open. */
  readonly batch?: number | undefined;
}
