/** A response with an error status. */
export class HttpError extends Error {
  override name = 'HttpError';
  readonly status: number;
  readonly headers: Headers;
  /** The body as text, at most its first 64 KiB. */
  readonly body: string;
  /** The body's value if it is JSON, such as `application/problem+json`. */
  readonly problem: unknown;

  /** @internal */
  constructor(response: Response, body: string) {
    super(`the server answered ${response.status} to ${response.url}`);
    this.status = response.status;
    this.headers = response.headers;
    this.body = body;
    try {
      if (/[/+]json\b/.test(response.headers.get('content-type') ?? '')) this.problem = JSON.parse(body);
    } catch {
      // The text is in `body`.
    }
  }
}

/** A response with status 200 that is not an event stream. */
export class ContentTypeError extends Error {
  override name = 'ContentTypeError';
  readonly contentType: string;

  /** @internal */
  constructor(contentType: string) {
    super(`the server answered with "${contentType}", not with text/event-stream`);
    this.contentType = contentType;
  }
}

/** The data of an event cannot be decoded. The id of the event is not noted. */
export class DataError extends Error {
  override name = 'DataError';
  readonly event: string;
  readonly data: string;
  readonly id: string;

  /** @internal */
  constructor(event: string, data: string, id: string, cause: unknown) {
    super(`the data of an event "${event}" is not JSON`, { cause });
    this.event = event;
    this.data = data;
    this.id = id;
  }
}

/**
 * The connection of a stream was lost, and its request must not be sent again: it may have an effect, and the
 * server cannot resume the stream.
 */
export class CutError extends Error {
  override name = 'CutError';

  /** @internal */
  constructor(cause: unknown) {
    super('the connection was lost; the option "repeat" sends requests again that have no effect', { cause });
  }
}

/**
 * A failure of one attempt, after which there may be another.
 * @internal
 */
export class LostConnection extends Error {
  /** The time of `Retry-After` in milliseconds. */
  readonly floor: number;

  constructor(cause: unknown, floor = 0) {
    super('', { cause });
    this.floor = floor;
  }
}
