import { untilAborted } from './abort.ts';
import { type StreamPlan, receiveEvents } from './events.ts';
import { type CallOptions, type StreamEvent, type StreamOptions } from './options.ts';
import { type ClientOptions, RouteSender, httpError } from './request.ts';
import { type Route } from './route.ts';
import { EventStream } from './stream.ts';

/** A run of the server: a body that goes on without its clients. */
export interface Run<E extends StreamEvent> {
  /** Starts the run, or joins it if there is one. */
  start(options?: StreamOptions<E>): EventStream<E>;
  /** Follows the run, which has been started. */
  follow(options?: StreamOptions<E>): EventStream<E>;
  /** Asks the run to stop. The end of an iteration does not stop it. */
  stop(options?: CallOptions): Promise<void>;
}

/** The routes of a run. */
export interface RunRoutes {
  start: Route;
  follow?: Route;
  stop?: Route;
}

/** The requests to one server. */
export class Client {
  #options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
  }

  /** A stream of events. */
  stream<E extends StreamEvent>(route: Route, params: object, options: StreamOptions<E> = {}): EventStream<E> {
    return this.#stream({ client: this.#options, route, params }, options);
  }

  /** A run: its start, its events and its end. */
  run<E extends StreamEvent>(routes: RunRoutes, params: object): Run<E> {
    const { start, stop } = routes;
    // Both routes have the events of the run, but only the handler of the start may be declared with them.
    const follow = routes.follow && {
      ...(start.events && { events: start.events }),
      ...(start.last && { last: start.last }),
      ...routes.follow,
    };
    const missing = (): never => {
      throw new TypeError('the run has no such route');
    };
    return {
      start: (options = {}) =>
        this.#stream({ client: this.#options, route: start, follow, joins: true, params }, options),
      follow: (options) => this.stream(follow ?? missing(), params, options),
      stop: async (options) => this.call({ ...(stop ?? missing()), answer: 'none' }, params, options),
    };
  }

  /** A plain request. Rejects with an `HttpError` unless the status is a 2xx. */
  async call<T>(route: Route, params: object, options: CallOptions = {}): Promise<T> {
    const sender = new RouteSender(this.#options, route, params, options.headers);
    const signal = options.signal ?? new AbortController().signal;
    let response: Response;
    // The body may have failed already.
    const drop = (): void => void response.body?.cancel().catch(() => {});
    do {
      signal.throwIfAborted();
      response = await untilAborted(signal, sender.send(await sender.headers(signal), signal));
    } while (sender.renews(response.status) && (drop(), true));
    if (!response.ok) {
      const error = await httpError(response, (begin) => untilAborted(signal, begin()));
      signal.throwIfAborted();
      throw error;
    }
    if (!route.answer) return response as T;
    const text = route.answer === 'none' ? drop() : await untilAborted(signal, response.text());
    return (route.answer === 'json' && text ? JSON.parse(text) : text) as T;
  }

  #stream<E extends StreamEvent>(plan: StreamPlan, options: StreamOptions<E>): EventStream<E> {
    return new EventStream((signal) => receiveEvents(plan, options, signal), options.signal);
  }
}
