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
  /** The beginning of the current wait. */
  #begun = Infinity;
  #abort = (): void => this.#controller.abort(this.#outer.reason);

  /** `outer` is not aborted yet. `silence` is the time of the watchdog in milliseconds; 0 is none. */
  constructor(outer: AbortSignal, silence: number) {
    this.#outer = outer;
    this.#silence = silence || Infinity;
    outer.addEventListener('abort', this.#abort);
    const stopWaking = onWake(() => {
      this.#woken = Date.now();
      // Timers stop while a computer sleeps, and the connection is dead afterwards.
      if (Date.now() - this.#begun >= this.#silence) this.#stall();
    });
    this.signal.addEventListener('abort', stopWaking);
  }

  #stall = (): void => this.#controller.abort(new DOMException(`no byte for ${this.#silence} ms`, 'TimeoutError'));

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
    this.#begun = Date.now();
    const pending = startTimer(this.#stall, this.#silence);
    try {
      this.signal.throwIfAborted();
      return await untilAborted(this.signal, start());
    } catch (error) {
      // A `fetch` of the user may reject with `undefined`, which would look like a regular end.
      throw new LostConnection(error || new TypeError('the request failed without a reason'));
    } finally {
      clearTimeout(pending);
      this.#begun = Infinity;
    }
  };

  close(): void {
    this.#outer.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }
}
