import { useEffect, useReducer } from 'react';

/** What a component shows of a stream. */
export interface EventsView<S> {
  state: S;
  /** Whether the stream has ended, by itself or by an error. */
  over: boolean;
  /** The error that has ended the stream. */
  error: unknown;
}

/**
 * Reads a stream while a component is mounted, and reduces its events to a state.
 *
 * `connect` opens the stream, and passes the signal on. The stream is opened anew, and the state is `initial` again, when
 * `deps` change. `reduce` must be pure, as for `useReducer`; it may use the newest props.
 */
export function useEvents<E, S>(
  connect: (signal: AbortSignal) => AsyncIterable<E>,
  reduce: (state: S, event: E) => S,
  initial: S,
  deps: readonly unknown[],
): EventsView<S> {
  type View = EventsView<S> & { deps: readonly unknown[] };
  type Action = { event: E } | { view: Partial<View> };
  const begun: View = { state: initial, over: false, error: undefined, deps };
  // React calls the reducer of the newest render, so `reduce` is never stale.
  const step = (view: View, action: Action): View =>
    'event' in action ? { ...view, state: reduce(view.state, action.event) } : { ...view, ...action.view };
  const [view, dispatch] = useReducer(step, begun);

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const read = async (): Promise<void> => {
      let error: unknown;
      try {
        for await (const event of connect(signal)) {
          if (signal.aborted) return;
          dispatch({ event });
        }
      } catch (thrown) {
        error = thrown;
      }
      if (!signal.aborted) dispatch({ view: { over: true, error } });
    };
    dispatch({ view: begun });
    void read();
    return () => stop.abort();
  }, deps);

  // A render with new `deps` comes before their effect, and must not show the state of the old ones.
  const isCurrent = deps.length === view.deps.length && deps.every((value, index) => Object.is(value, view.deps[index]));
  const { state, over, error } = isCurrent ? view : begun;
  return { state, over, error };
}
