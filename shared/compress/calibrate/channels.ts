/** What the channels of an activation are like, over samples and positions. */
export interface ChannelStatistics {
  /** Largest value, at least 0. */
  readonly peaks: Float64Array;
  /** Smallest value, at most 0. */
  readonly floors: Float64Array;
  readonly squares: Float64Array;
  /** Values summed in `squares`, per channel. */
  count: number;
}

export function emptyChannels(channels: number): ChannelStatistics {
  const zeros = () => new Float64Array(channels);
  return { peaks: zeros(), floors: zeros(), squares: zeros(), count: 0 };
}

/** Counts one tensor [N, C, …], in place. */
export function observeChannels(
  statistics: ChannelStatistics,
  data: Float32Array,
  positions: number,
): void {
  const { peaks, floors, squares } = statistics;
  const channels = peaks.length;
  const planes = data.length / positions;
  for (let plane = 0; plane < planes; plane += 1) {
    const channel = plane % channels;
    let peak = peaks[channel] ?? 0;
    let floor = floors[channel] ?? 0;
    let sum = 0;
    for (let i = plane * positions; i < (plane + 1) * positions; i += 1) {
      const value = data[i] ?? 0;
      if (value > peak) peak = value;
      else if (value < floor) floor = value;
      sum += value * value;
    }
    peaks[channel] = peak;
    floors[channel] = floor;
    squares[channel] = (squares[channel] ?? 0) + sum;
  }
  statistics.count += data.length / channels;
}

export function meanSquares({ squares, count }: ChannelStatistics): Float64Array {
  return squares.map((sum) => sum / Math.max(1, count));
}
