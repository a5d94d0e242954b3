import { ContentTypeError, LostConnection } from './errors.ts';
import { retryAfter } from './backoff.ts';
import { type StreamBlock, StreamParser } from './parser.ts';
import { type RouteSender, httpError } from './request.ts';
import { type StreamAttempt } from './attempt.ts';

/**
 * An open event stream.
 * @internal
 */
export interface StreamConnection {
  /** The next blocks, or `undefined` at the end. Reads from the network only when it is called. */
  read(): Promise<StreamBlock[] | undefined>;
  /** The stream's reconnection time so far, if it has sent one. */
  retry(): number | undefined;
}

/**
 * Sends a request and checks its response. The answer is a connection, `'over'` after a 204, or `'renew'` after a 401
 * that calls for new headers.
 * @internal
 */
export async function connectFetch(
  sender: RouteSender,
  id: string,
  attempt: StreamAttempt,
): Promise<StreamConnection | 'over' | 'renew'> {
  const headers = await sender.headers(attempt.signal);
  if (!headers.has('accept')) headers.set('accept', 'text/event-stream');
  // Headers are bytes: each character is one byte of the id's UTF-8.
  const bytes = Array.from(new TextEncoder().encode(id), (byte) => String.fromCharCode(byte)).join('');
  // Node takes such a header for a network error, and servers refuse it.
  if (/[^\t -~\x80-\xff]/.test(bytes)) throw new TypeError(`headers cannot carry the id ${JSON.stringify(id)}`);
  if (id) headers.set('last-event-id', bytes);
  const response = await attempt.wait(async () => {
    const late = await sender.send(headers, attempt.signal, { cache: 'no-store' });
    // A `fetch` of the user may ignore the signal.
    if (attempt.signal.aborted) late.body?.cancel().catch(() => {});
    return late;
  });
  const { status } = response;
  if (sender.renews(status)) return 'renew';
  if (status === 204) return 'over';
  if (status !== 200) {
    const error = await httpError(response, attempt.wait);
    if (status === 408 || status === 429 || status >= 500)
      throw new LostConnection(error, retryAfter(response.headers));
    throw error;
  }
  const type = response.headers.get('content-type') ?? '';
  if (!/^\s*text\/event-stream\s*(;|$)/i.test(type)) throw new ContentTypeError(type);
  const reader = response.body?.getReader();
  attempt.signal.addEventListener('abort', () => reader?.cancel().catch(() => {}));
  const parser = new StreamParser(id);
  return {
    async read() {
      if (!reader) return undefined;
      const { done, value } = await attempt.wait(() => reader.read());
      return done ? undefined : parser.feed(value);
    },
    retry: () => parser.retry,
  };
}
