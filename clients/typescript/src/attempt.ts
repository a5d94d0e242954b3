import { untilAborted } from './abort.ts';
import { LostConnection } from './errors.ts';
import { type WaitFunction } from './request.ts';
import { onWake, startTimer } from './wake.ts';

/** The time after a wake-up in which a failure belongs to it, in milliseconds. */
const WAKE_WINDOW = 5000;

/**
 * The life of one attempt: ends with the iteration, after a silence, or by `close`.
 * @internal
 */
export class StreamAttempt {
  #controller = new AbortController();
  #outer: AbortSignal;
  #silence: number;
  #woken = -Infinity;
  #abort = (): void => this.#controller.abort(this.#outer.reason);

  /** `silence` is the time of the watchdog in milliseconds; 0 is none. */
  constructor(outer: AbortSignal, silence: number) {
    this.#outer = outer;
    this.#silence = silence;
    if (outer.aborted) this.#abort();
    else outer.addEventListener('abort', this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Whether the page woke up just now. A page that is restored or visible again is notified of that first, and of
   * the failure of its connection afterwards.
   */
  get isAwake(): boolean {
    return Date.now() - this.#woken < WAKE_WINDOW;
  }

  /** Waits for something of the server. A failure is a `LostConnection`, and so is a silence that is too long. */
  wait: WaitFunction = async (start) => {
    const silence = this.#silence || Infinity;
    const begun = Date.now();
    const stall = (): void => this.#controller.abort(new DOMException(`no byte for ${silence} ms`, 'TimeoutError'));
    const pending = startTimer(stall, silence);
    // Timers stop while a computer sleeps, and the connection is dead afterwards.
    const stopWaking = onWake(() => {
      this.#woken = Date.now();
      if (Date.now() - begun >= silence) stall();
    });
    try {
      this.signal.throwIfAborted();
      return await untilAborted(this.signal, start());
    } catch (error) {
      // A `fetch` of the user may reject with `undefined`, which would look like a regular end.
      throw new LostConnection(error || new TypeError('the request failed without a reason'));
    } finally {
      clearTimeout(pending);
      stopWaking();
    }
  };

  close(): void {
    this.#outer.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }
}
