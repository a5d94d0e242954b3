/** The data of a `gap` event: events may be missing. */
export interface StreamGap {
  reason: string;
  /** The topic, on a stream of several topics. */
  topic?: string;
  /** The id that the client came with. */
  from: string;
  /** The position at which the stream continues. */
  resumed_at: string;
}

/** The error of `onGap: 'throw'`. The id of the gap is not noted, so the next iteration gets the gap again. */
export class GapError extends Error {
  override name = 'GapError';
  readonly gap: StreamGap;

  /** @internal */
  constructor(gap: StreamGap) {
    super(`events may be missing: ${gap.reason}`);
    this.gap = gap;
  }
}
