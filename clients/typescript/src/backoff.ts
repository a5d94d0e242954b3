/** The longest delay before a reconnect, in milliseconds, unless the server's `retry` is longer. */
const LONGEST_DELAY = 30_000;

/** The shortest range of random delays, in milliseconds: a `retry` of zero must not lead to a busy loop. */
const SHORTEST_RANGE = 100;

/**
 * The delays between attempts: exponential, with full jitter.
 * @internal
 */
export class StreamBackoff {
  /** The reconnection time of the stream, in milliseconds. */
  base = 1000;
  /** The attempts since the last event. */
  attempts = 0;

  /** A random delay of at least `floor` milliseconds. */
  next(floor: number): number {
    const range = Math.max(this.base, SHORTEST_RANGE) * 2 ** this.attempts++;
    return Math.max(floor, Math.random() * Math.min(range, Math.max(this.base, LONGEST_DELAY)));
  }
}

/**
 * The time of a `Retry-After` in milliseconds: a number of seconds or a date. 0 if there is none.
 * @internal
 */
export function retryAfter(headers: Headers): number {
  const value = headers.get('retry-after') ?? '';
  const seconds = Number(value);
  // A fraction such as "2040.5" must not be read as a year.
  const time = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return time > 0 ? time : 0;
}
