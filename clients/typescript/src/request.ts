import { untilAborted } from './abort.ts';
import { HttpError } from './errors.ts';
import { type Route, bodyOf, urlOf } from './route.ts';

/** Headers, or a function that makes them before each attempt. */
export type HeadersSource = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

/** The options of a client. */
export interface ClientOptions {
  /** The URL that paths are appended to. Absent: the origin of the page. */
  baseUrl?: string | undefined;
  headers?: HeadersSource | undefined;
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  credentials?: RequestCredentials | undefined;
}

/**
 * Starts something and waits for it, unless something else ends the wait.
 * @internal
 */
export type WaitFunction = <T>(start: () => Promise<T>) => Promise<T>;

/** The longest error body that is kept, in characters. */
const LONGEST_BODY = 65_536;

/**
 * One request of a route, which can be sent several times.
 * @internal
 */
export class RouteSender {
  readonly url: string;
  readonly hasHeaders: boolean;
  #client: ClientOptions;
  #sources: readonly (HeadersSource | undefined)[];
  #type: string | undefined;
  #init: RequestInit;
  #renewed = false;

  constructor(client: ClientOptions, route: Route, params: object, headers: HeadersSource | undefined) {
    this.url = urlOf(client.baseUrl ?? '', route, params);
    // `fetch` reports a URL or a method that it does not take as a network error. A `fetch` of the user may take it.
    if (!client.fetch) new Request(this.url, { method: route.method });
    const { body, type } = bodyOf(route, params);
    this.#client = client;
    this.#sources = [client.headers, headers];
    this.hasHeaders = this.#sources.some(Boolean);
    this.#type = type;
    this.#init = { method: route.method };
    if (body !== undefined) this.#init.body = body;
    if (client.credentials) this.#init.credentials = client.credentials;
  }

  /** The headers of the next attempt. */
  async headers(signal: AbortSignal): Promise<Headers> {
    const headers = new Headers();
    if (this.#type) headers.set('content-type', this.#type);
    for (const source of this.#sources) {
      const made = typeof source === 'function' ? await untilAborted(signal, source()) : source;
      new Headers(made).forEach((value, name) => headers.set(name, value));
    }
    return headers;
  }

  send(headers: Headers, signal: AbortSignal, more?: RequestInit): Promise<Response> {
    return (this.#client.fetch ?? fetch)(this.url, { ...this.#init, headers, signal, ...more });
  }

  /** Whether a response is a 401 that newly made headers may avoid. True once until a response is not a 401. */
  renews(status: number): boolean {
    const renews = status === 401 && !this.#renewed && this.#sources.some((source) => typeof source === 'function');
    this.#renewed = renews;
    return renews;
  }
}

/**
 * The error for a response. A body that cannot be read to its end is kept as far as it was read.
 * @internal
 */
export async function httpError(response: Response, wait: WaitFunction): Promise<HttpError> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let body = '';
  try {
    while (reader && body.length < LONGEST_BODY) {
      const { done, value } = await wait(() => reader.read());
      if (done) break;
      body += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status matters more than the rest of the body.
  }
  reader?.cancel().catch(() => {});
  return new HttpError(response, body.slice(0, LONGEST_BODY));
}
