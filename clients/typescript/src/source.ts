import { Lost } from './errors.ts';
import { type Block } from './parser.ts';
import { type Connection } from './connection.ts';
import { type Link } from './link.ts';

/** The events that are queued for a slow consumer. An `EventSource` cannot be paused, so it is closed beyond that. */
const LONGEST_QUEUE = 1000;

/**
 * An event stream that an `EventSource` reads, with the names that it is to report.
 * @internal
 */
export async function connectSource(
  url: string,
  id: string,
  names: readonly string[],
  credentials: boolean,
  link: Link,
): Promise<Connection> {
  const from = id && `${url.includes('?') ? '&' : '?'}lastEventId=${encodeURIComponent(id)}`;
  const source = new EventSource(url + from, { withCredentials: credentials });
  link.signal.addEventListener('abort', () => source.close());
  let queue: Block[] = [];
  let wake = (): void => {};
  let full = false;
  const receive = (event: Event): void => {
    // An `error` without data is an event of the `EventSource` itself.
    if ('data' in event) {
      const { type, data, lastEventId } = event as MessageEvent<string>;
      // An `EventSource` does not know of the id in its URL.
      if (lastEventId) id = '';
      queue.push({ event: type, data, id: lastEventId || id });
      full = queue.length >= LONGEST_QUEUE;
      if (full) source.close();
    }
    wake();
  };
  for (const name of new Set(['open', 'error', 'message', 'gap', ...names])) source.addEventListener(name, receive);
  const change = async (): Promise<void> => {
    if (source.readyState === 2)
      throw new Lost(new Error('the EventSource has given up; the next attempt finds the reason'));
    await link.wait(
      () =>
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
    );
  };
  while (source.readyState !== 1) await change();
  return {
    async read() {
      while (!queue.length) {
        if (full) return undefined;
        await change();
      }
      const blocks = queue;
      queue = [];
      return blocks;
    },
    // The `EventSource` obeys it itself.
    retry: () => undefined,
  };
}
