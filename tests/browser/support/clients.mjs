// The clients that people read event streams with: how each package is called, without any adaptation.
//
// `read` reads the stream until it has ended, and calls `record` with `{ type, data, id }` for each event
// that the client reports. `tells` lists the fields that the client's API exposes. A client that `comesBack`
// reconnects when the stream ends, as soon as the last `retry` says, unless it `obeysBlocksOnly`. One with
// `phantoms` reports blocks without data. One that is `named` drops events without a name.

import { createRequire } from 'node:module';
import Anthropic from '@anthropic-ai/sdk';
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { createParser } from 'eventsource-parser';
import { events } from 'fetch-event-stream';
import OpenAI from 'openai';
import * as undici from 'undici';

const ALL = ['type', 'data', 'id'];

export const CLIENTS = {
  '@microsoft/fetch-event-source': {
    tells: ALL,
    phantoms: true,
    async read(url, record) {
      await fetchEventSource()(url, {
        openWhenHidden: true,
        onmessage: ({ event, data, id }) => record({ type: event || 'message', data, id }),
        onerror: (error) => {
          throw error;
        },
      });
    },
  },

  'fetch-event-stream': {
    tells: ['type', 'data', 'id'],
    phantoms: true,
    async read(url, record) {
      for await (const { event, data, id } of events(await fetch(url))) {
        record({ type: event || 'message', data, id: id === undefined ? undefined : String(id) });
      }
    },
  },

  'eventsource-parser': {
    tells: ALL,
    async read(url, record) {
      const parser = createParser({
        onEvent: ({ event, data, id }) => record({ type: event || 'message', data, id }),
        onError: (error) => {
          throw error;
        },
      });
      for await (const text of (await fetch(url)).body.pipeThrough(new TextDecoderStream())) parser.feed(text);
    },
  },

  'eventsource-client': {
    tells: ALL,
    comesBack: true,
    read: (url, record) =>
      new Promise((resolve) => {
        let connections = 0;
        const source = createEventSource({
          url,
          onMessage: ({ event, data, id }) => record({ type: event || 'message', data, id }),
          onConnect: () => {
            connections += 1;
          },
          onDisconnect: () => {
            // The second response is the 204.
            if (connections < 2 && source.readyState !== 'closed') return;
            source.close();
            resolve();
          },
        });
      }),
  },

  eventsource: {
    tells: ALL,
    comesBack: true,
    read: (url, record, comesBack) => listen(EventSource, url, record, comesBack),
  },

  // Node's own EventSource is undici's.
  "undici's EventSource": {
    tells: ALL,
    comesBack: true,
    obeysBlocksOnly: true,
    read: (url, record, comesBack) => listen(undici.EventSource, url, record, comesBack),
  },

  openai: {
    tells: ['data'],
    posts: '/chat/completions',
    async read(url, record) {
      const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 });
      for await (const chunk of await client.chat.completions.create({ model: 'any', messages: [], stream: true })) {
        record({ data: JSON.stringify(chunk) });
      }
    },
  },

  '@anthropic-ai/sdk': {
    tells: ['data'],
    named: true,
    posts: '/v1/messages',
    async read(url, record) {
      const client = new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 });
      const request = { model: 'any', max_tokens: 1, messages: [], stream: true };
      for await (const chunk of await client.messages.create(request)) record({ data: JSON.stringify(chunk) });
    },
  },
};

// An EventSource as the standard has it: it reconnects when the stream has ended, and stops at a 204. One
// that is not expected to reconnect is closed at the stream's end.
function listen(Source, url, record, comesBack) {
  return new Promise((resolve) => {
    const source = new Source(url);
    const told = ({ type, data, lastEventId: id }) => record({ type, data, id });
    for (const name of ['message', 'note']) source.addEventListener(name, told);
    source.addEventListener('error', () => {
      if (!comesBack) source.close();
      if (source.readyState === Source.CLOSED) resolve();
    });
  });
}

// Written for pages: it needs a window, and a document with a visibility.
function fetchEventSource() {
  globalThis.window ??= globalThis;
  globalThis.document ??= { hidden: false, addEventListener() {}, removeEventListener() {} };
  return createRequire(import.meta.url)('@microsoft/fetch-event-source').fetchEventSource;
}
