import { type StreamGap } from './gap.ts';
import { type HeadersSource } from './request.ts';

/** An event of a stream. */
export interface StreamEvent {
  event: string;
  data: unknown;
  /** The last event id after this event; empty if there is none. */
  id: string;
}

/** Where the last event id is kept, for a page or process that begins anew. */
export interface IdStore {
  load(): string | null | undefined | Promise<string | null | undefined>;
  /** Called when the consumer asks for the event after the one with this id. */
  save(id: string): unknown;
}

/** A connection that was lost or ended, and the reconnect that follows. */
export interface StreamRetry {
  /** The cause. `undefined` after a regular end. */
  error: unknown;
  /** The delay in milliseconds. */
  delay: number;
  /** The number of attempts since the last event, with the one that failed. */
  attempts: number;
}

/** The options of one plain request. */
export interface CallOptions {
  headers?: HeadersSource | undefined;
  signal?: AbortSignal | undefined;
}

/** The options that both transports have. */
export interface CommonStreamOptions<E extends StreamEvent> {
  /** Ends the iteration without an error. */
  signal?: AbortSignal | undefined;
  /** The id to begin after. */
  lastEventId?: string | undefined;
  store?: IdStore | undefined;
  /**
   * The treatment of a `gap` event: `'deliver'`, the default; `'throw'`, a `GapError`; `'restart'`, which delivers the
   * gap, and then begins anew without an id; or a function, which is awaited before the next event, instead of a delivery.
   */
  onGap?: 'deliver' | 'throw' | 'restart' | ((gap: StreamGap) => unknown) | undefined;
  /** Called for an event that the client does not know, such as one of a newer server. */
  onUnknown?: ((event: StreamEvent) => unknown) | undefined;
  /** Called when a connection is established. */
  onOpen?: (() => unknown) | undefined;
  /** Called before the wait for a reconnect. An error of this function ends the iteration. */
  onRetry?: ((retry: StreamRetry) => unknown) | undefined;
  /** Whether the stream is over after this event. The connection is then closed before the event is delivered. */
  isLast?: ((event: E) => boolean) | undefined;
  /** Whether a request that is not a GET may be sent again without an id. */
  repeat?: boolean | undefined;
}

/** The options of one stream. */
export type StreamOptions<E extends StreamEvent = StreamEvent> = CommonStreamOptions<E> &
  (
    | {
        transport?: 'fetch' | undefined;
        headers?: HeadersSource | undefined;
        /** The longest silence of the server in milliseconds, comments included. 0 is none, 60 000 the default. */
        watchdog?: number | undefined;
      }
    // An `EventSource` sends no headers and does not report comments.
    | { transport: 'eventsource'; headers?: undefined; watchdog?: undefined }
  );
