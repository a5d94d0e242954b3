import { until } from './abort.ts';
import { Lost } from './errors.ts';
import { type Waiting } from './request.ts';
import { onWake, timer } from './wake.ts';

/** The time after a wake-up in which a failure belongs to it, in milliseconds. */
const WAKING = 5000;

/**
 * The life of one attempt: ends with the iteration, after a silence, or by `close`.
 * @internal
 */
export class Link {
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
    return Date.now() - this.#woken < WAKING;
  }

  /** Waits for something of the server. A failure is `Lost`, and so is a silence that is too long. */
  wait: Waiting = async (start) => {
    const silence = this.#silence || Infinity;
    const begun = Date.now();
    const stall = (): void => this.#controller.abort(new DOMException(`no byte for ${silence} ms`, 'TimeoutError'));
    const pending = timer(stall, silence);
    // Timers stop while a computer sleeps, and the connection is dead afterwards.
    const stopWaking = onWake(() => {
      this.#woken = Date.now();
      if (Date.now() - begun >= silence) stall();
    });
    try {
      this.signal.throwIfAborted();
      return await until(this.signal, start());
    } catch (error) {
      // A `fetch` of the user may reject with `undefined`, which would look like a regular end.
      throw new Lost(error || new TypeError('the request failed without a reason'));
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
