/**
 * One block of an event stream: the lines up to a blank line.
 * Without `data` it fires no event, and only `id` counts.
 * @internal
 */
export interface StreamBlock {
  event: string;
  data: string | undefined;
  /** The last event id after this block; it stays until a block changes it. */
  id: string;
}

/**
 * Reads an event stream as the HTML standard defines it, from pieces of any length.
 * @internal
 */
export class StreamParser {
  /** The newest `retry` of the stream, in milliseconds. */
  retry: number | undefined;
  // A decoder removes one byte order mark at the beginning, as the standard requires.
  #decoder = new TextDecoder();
  #id: string;
  #event = '';
  #data: string | undefined;
  #line = '';
  #afterReturn = false;

  /** `id` is the last event id of the connection before this one. */
  constructor(id: string) {
    this.#id = id;
  }

  /** The blocks that end within this piece. */
  feed(bytes: Uint8Array): StreamBlock[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    const blocks: StreamBlock[] = [];
    let start = 0;
    if (text && this.#afterReturn) {
      this.#afterReturn = false;
      // The CR at the end of the last piece has ended its line already.
      if (text[0] === '\n') start = 1;
    }
    const ends = /\r\n?|\n/g;
    ends.lastIndex = start;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#endLine(this.#line + text.slice(start, end.index), blocks);
      this.#line = '';
      start = ends.lastIndex;
      this.#afterReturn = end[0] === '\r' && start === text.length;
    }
    this.#line += text.slice(start);
    return blocks;
  }

  #endLine(line: string, blocks: StreamBlock[]): void {
    if (line === '') {
      blocks.push({ event: this.#event || 'message', data: this.#data?.slice(1), id: this.#id });
      this.#event = '';
      this.#data = undefined;
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.#data = `${this.#data ?? ''}\n${value}`;
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.retry = Number(value);
  }
}
