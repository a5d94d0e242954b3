/** One route of the server. Generated clients have a constant for each. */
export interface Route {
  method: string;
  /** A template such as `/rooms/{room}` or `/files/{*rest}`. */
  path: string;
  /** The names of the parameters that go into the query. */
  query?: readonly string[];
  /** The encoding of the parameter `body`. */
  body?: 'json' | 'text' | 'form' | 'bytes';
  /** The name of that parameter, if a capture or a part of the query is called `body`. */
  bodyName?: string;
  /** The decoding of a plain response. Absent: the `Response` itself. */
  answer?: 'json' | 'text' | 'none';
  /** The decoding of data by event name. Absent: every event has its data as text. */
  events?: Readonly<Record<string, 'json' | 'text' | 'empty'>>;
  /** The names of events after which the stream is over. */
  last?: readonly string[];
  /** Whether the server reads `Last-Event-ID`. */
  resumes?: boolean;
}

/**
 * The URL of a route, relative to the base.
 * @internal
 */
export function urlOf(base: string, route: Route, params: object): string {
  const values = params as Record<string, unknown>;
  const path = route.path.replace(/\{(\*?)([^{}]*)\}/g, (_, rest: string, name: string) => {
    const value = String(values[name] ?? '');
    if (!value) throw new TypeError(`the parameter "${name}" of ${route.path} is missing or empty`);
    return rest ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
  // URL parsers remove such segments, and the request would go to another route.
  if (/\/\.\.?(\/|$)/.test(path)) throw new TypeError(`"." and ".." cannot be segments of a path: ${path}`);
  const query = new URLSearchParams();
  for (const name of route.query ?? []) {
    for (const value of [values[name]].flat()) {
      if (value !== undefined && value !== null) query.append(name, String(value));
    }
  }
  const search = String(query);
  return base.replace(/\/$/, '') + path + (search && `?${search}`);
}

/**
 * The body of a request and its content type.
 * @internal
 */
export function bodyOf(route: Route, params: object): { body?: BodyInit; type?: string } {
  const body = (params as Record<string, unknown>)[route.bodyName ?? 'body'];
  if (!route.body || body === undefined) return {};
  switch (route.body) {
    case 'json':
      return { body: JSON.stringify(body), type: 'application/json' };
    case 'text':
      return { body: String(body), type: 'text/plain;charset=UTF-8' };
    case 'form':
      // `fetch` sets the type of both.
      return { body: body instanceof FormData ? body : new URLSearchParams(body as Record<string, string>) };
    case 'bytes':
      return { body: body as BodyInit, type: (body as Partial<Blob>).type || 'application/octet-stream' };
  }
}
