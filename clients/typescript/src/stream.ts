import { type StreamEvent } from './options.ts';

/**
 * A stream of events. Connects when the first event is asked for. Each iteration has its own connection.
 */
export class EventStream<E extends StreamEvent> implements AsyncIterable<E> {
  #begin: (signal: AbortSignal) => AsyncGenerator<E, void>;
  #signal: AbortSignal | undefined;

  /** @internal */
  constructor(begin: (signal: AbortSignal) => AsyncGenerator<E, void>, signal: AbortSignal | undefined) {
    this.#begin = begin;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncIterator<E, undefined> {
    const outer = this.#signal;
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    const events = this.#begin(stop.signal);
    let begun = false;
    const end = async (): Promise<IteratorReturnResult<undefined>> => {
      begun = true;
      outer?.removeEventListener('abort', abort);
      // A generator ends only when its current await does, so the abort comes first.
      abort();
      await events.return().catch(() => {});
      return { done: true, value: undefined };
    };
    return {
      async next() {
        if (!begun) {
          begun = true;
          if (outer?.aborted) abort();
          else outer?.addEventListener('abort', abort);
        }
        if (stop.signal.aborted) return end();
        try {
          const result = await events.next();
          // Without `strict`, TypeScript does not narrow the type by `done`.
          if (!result.done && !stop.signal.aborted) return result as IteratorYieldResult<E>;
        } catch (error) {
          if (!stop.signal.aborted) {
            await end();
            throw error;
          }
        }
        return end();
      },
      return: end,
    };
  }
}
