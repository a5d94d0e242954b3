import { until } from './abort.ts';
import { Backoff } from './backoff.ts';
import { connect } from './connection.ts';
import { CutError, DataError, HttpError, Lost } from './errors.ts';
import { type Gap, GapError } from './gap.ts';
import { Link } from './link.ts';
import { type StreamEvent, type StreamOptions } from './options.ts';
import { type Block } from './parser.ts';
import { type ClientOptions, Sender } from './request.ts';
import { type Route } from './route.ts';
import { connectSource } from './source.ts';
import { pause } from './wake.ts';

/** The default of the watchdog, four times the server's default keep-alive. */
const SILENCE = 60_000;

/** The shortest time between two attempts that wake-ups of the page have brought forward, in milliseconds. */
const HURRY = 1000;

/**
 * The requests of one stream.
 * @internal
 */
export interface Plan {
  client: ClientOptions;
  route: Route;
  /** The route that continues the stream once it has begun. */
  follow?: Route | undefined;
  /** Whether a repeated request joins what the first one has started. */
  joins?: boolean;
  params: object;
}

function json(block: Block): unknown {
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
export async function* receive<E extends StreamEvent>(
  plan: Plan,
  options: StreamOptions<E>,
  signal: AbortSignal,
): AsyncGenerator<E, void> {
  const { store, onGap, onUnknown } = options;
  const { events, last: lastNames } = plan.route;
  const byFetch = options.transport !== 'eventsource';
  const make = (route: Route): Sender => new Sender(plan.client, route, plan.params, options.headers);
  const backoff = new Backoff();
  let hurried = -Infinity;
  let route = plan.route;
  let sender = make(route);
  if (!byFetch && (sender.hasHeaders || route.method !== 'GET')) {
    throw new TypeError('the transport "eventsource" sends GET requests without headers');
  }
  let id = options.lastEventId ?? (await until(signal, store?.load())) ?? '';
  let noted = id;
  const note = async (): Promise<void> => {
    if (store && id !== noted) await until(signal, store.save(id));
    noted = id;
  };
  // An `EventSource` hides the status for which it has given up. One attempt by `fetch` finds it.
  let probing = false;

  for (;;) {
    signal.throwIfAborted();
    const link = new Link(signal, byFetch ? (options.watchdog ?? SILENCE) : 0);
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
            link,
          )
        : await connect(sender, id, link);
      if (connection === 'over') return;
      if (connection === 'renew') continue;
      if (plan.follow && route !== plan.follow) sender = make((route = plan.follow));
      await until(signal, options.onOpen?.());
      try {
        for (let blocks; !restart && (blocks = await connection.read());) {
          for (const block of blocks) {
            const { event, data } = block;
            if (data !== undefined) {
              backoff.attempts = 0;
              const gap = event === 'gap' && onGap && onGap !== 'deliver' ? (json(block) as Gap) : undefined;
              if (gap && onGap === 'throw') throw new GapError(gap);
              const kind = events ? Object.hasOwn(events, event) && events[event] : 'text';
              if (gap && typeof onGap === 'function') {
                await until(signal, onGap(gap));
              } else if (!kind) {
                await until(signal, onUnknown?.({ event, data, id: block.id }));
              } else {
                const value = kind === 'json' ? json(block) : kind === 'text' ? data : undefined;
                const made = { event, data: value, id: block.id } as E;
                const last = lastNames?.includes(event) || options.isLast?.(made);
                if (last) link.close();
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
      if (!(error instanceof Lost)) throw error;
      ({ cause, floor } = error);
    } finally {
      link.close();
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
    const delay = cause && link.isAwake ? least : range;
    await until(signal, options.onRetry?.({ error: cause, delay, attempts: backoff.attempts }));
    if ((await pause(delay, least, signal)) || delay < range) hurried = Date.now();
  }
}
