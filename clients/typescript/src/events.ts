import { untilAborted } from './abort.ts';
import { StreamBackoff } from './backoff.ts';
import { connectFetch } from './connection.ts';
import { CutError, DataError, HttpError, LostConnection } from './errors.ts';
import { type StreamGap, GapError } from './gap.ts';
import { StreamAttempt } from './attempt.ts';
import { type StreamEvent, type StreamOptions } from './options.ts';
import { type StreamBlock } from './parser.ts';
import { type ClientOptions, RouteSender } from './request.ts';
import { type Route } from './route.ts';
import { connectSource } from './source.ts';
import { waitForRetry } from './wake.ts';

/** The default of the watchdog, four times the server's default keep-alive. */
const DEFAULT_WATCHDOG = 60_000;

/** The shortest time between two attempts that wake-ups of the page have brought forward, in milliseconds. */
const HURRY = 1000;

/**
 * The requests of one stream.
 * @internal
 */
export interface StreamPlan {
  client: ClientOptions;
  route: Route;
  /** The route that continues the stream once it has begun. */
  follow?: Route | undefined;
  /** Whether a repeated request joins what the first one has started. */
  joins?: boolean;
  params: object;
}

function parseData(block: StreamBlock): unknown {
  try {
    return JSON.parse(block.data ?? '');
  } catch (error) {
    throw new DataError(block.event, block.data ?? '', block.id, error);
  }
}

/**
 * The events of a stream over all of its connections, each once. Throws the reason of the signal after an abort.
 * @internal
 */
export async function* receiveEvents<E extends StreamEvent>(
  plan: StreamPlan,
  options: StreamOptions<E>,
  signal: AbortSignal,
): AsyncGenerator<E, void> {
  const { store, onGap, onUnknown } = options;
  const { events, last: lastNames } = plan.route;
  const byFetch = options.transport !== 'eventsource';
  const make = (route: Route): RouteSender => new RouteSender(plan.client, route, plan.params, options.headers);
  const backoff = new StreamBackoff();
  let hurried = -Infinity;
  let route = plan.route;
  let sender = make(route);
  if (!byFetch && (sender.hasHeaders || route.method !== 'GET')) {
    throw new TypeError('the transport "eventsource" sends GET requests without headers');
  }
  let id = options.lastEventId ?? (await untilAborted(signal, store?.load())) ?? '';
  let noted = id;
  const note = async (): Promise<void> => {
    if (store && id !== noted) await untilAborted(signal, store.save(id));
    noted = id;
  };
  // An `EventSource` hides the status for which it has given up. One attempt by `fetch` finds it.
  let probing = false;

  for (;;) {
    signal.throwIfAborted();
    const attempt = new StreamAttempt(signal, byFetch ? (options.watchdog ?? DEFAULT_WATCHDOG) : 0);
    let floor = 0;
    let cause: unknown;
    let restart = false;
    try {
      const bySource: boolean = !byFetch && !probing;
      probing = bySource;
      const connection = bySource
        ? await connectSource(
            sender.url,
            id,
            Object.keys(plan.route.events ?? {}),
            plan.client.credentials === 'include',
            attempt,
          )
        : await connectFetch(sender, id, attempt);
      if (connection === 'over') return;
      if (connection === 'renew') continue;
      if (plan.follow && route !== plan.follow) sender = make((route = plan.follow));
      await untilAborted(signal, options.onOpen?.());
      try {
        for (let blocks; !restart && (blocks = await connection.read());) {
          for (const block of blocks) {
            const { event, data } = block;
            if (data !== undefined) {
              backoff.attempts = 0;
              const gap = event === 'gap' && onGap && onGap !== 'deliver' ? (parseData(block) as StreamGap) : undefined;
              if (gap && onGap === 'throw') throw new GapError(gap);
              const kind = events ? Object.hasOwn(events, event) && events[event] : 'text';
              if (gap && typeof onGap === 'function') {
                await untilAborted(signal, onGap(gap));
              } else if (!kind) {
                await untilAborted(signal, onUnknown?.({ event, data, id: block.id }));
              } else {
                const value = kind === 'json' ? parseData(block) : kind === 'text' ? data : undefined;
                const made = { event, data: value, id: block.id } as E;
                const last = lastNames?.includes(event) || options.isLast?.(made);
                if (last) attempt.close();
                // A reconnect begins after this event, though the store does not have it before the consumer is done.
                id = block.id;
                yield made;
                if (last) return await note();
              }
              restart = !!gap && onGap === 'restart';
            }
            id = restart ? '' : block.id;
            await note();
            if (restart) break;
          }
        }
      } finally {
        backoff.base = connection.retry() ?? backoff.base;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof LostConnection)) throw error;
      ({ cause, floor } = error);
    } finally {
      attempt.close();
    }

    const repeats = plan.joins || options.repeat || route.method === 'GET' || (route.resumes && id);
    if (!repeats && !(cause instanceof HttpError && (cause.status === 429 || cause.status === 503))) {
      if (cause instanceof HttpError) throw cause;
      // Without a last event, the regular end of such a stream is its end.
      if (!cause && !restart && !lastNames?.length) return;
      throw new CutError(cause);
    }
    const range = backoff.next(Math.max(floor, cause || restart ? 0 : backoff.base));
    // A page that goes online and offline again and again must not flood the server.
    const least = Math.max(floor, Math.min(range, hurried + HURRY - Date.now()));
    const delay = cause && attempt.isAwake ? least : range;
    await untilAborted(signal, options.onRetry?.({ error: cause, delay, attempts: backoff.attempts }));
    if ((await waitForRetry(delay, least, signal)) || delay < range) hurried = Date.now();
  }
}
