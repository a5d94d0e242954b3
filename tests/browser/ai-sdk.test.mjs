// The promise: the example `ai-sdk` is the server that the AI SDK's `useChat` expects. `Chat` is all of `useChat`
// but its React hook, and runs in Node; `DefaultChatTransport` is how it speaks to a server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { start, withTimeout } from './support/server.mjs';

const LIMIT = { timeout: 60_000 };

// A server whose answers take a moment, and one whose answers outlast each test. The second argument is the time
// for a token, in milliseconds.
let fast;
let slow;
before(async () => {
  [fast, slow] = await Promise.all([start('ai-sdk', 0, '10'), start('ai-sdk', 0, '1000')]);
});
after(async () => {
  await Promise.all([fast?.stop(), slow?.stop()]);
});

let chats = 0;
const newId = () => `chat-${(chats += 1)}`;

const transportOf = ({ url }) => new DefaultChatTransport({ api: `${url}/api/chat` });

// A chat as a page has it. `ends` has what `onFinish` was told.
function open(server, { id = newId(), messages } = {}) {
  const ends = [];
  const chat = new Chat({ id, messages, transport: transportOf(server), onFinish: (end) => ends.push(end) });
  return Object.assign(chat, { ends });
}

const textOf = (message) => message.parts.filter(({ type }) => type === 'text').map(({ text }) => text).join('');
const written = (chat) => (chat.lastMessage?.role === 'assistant' ? textOf(chat.lastMessage) : '');
// Waits until the chat shows the answer in part.
const writes = (chat) => until(() => written(chat), () => `${chat.status}, ${JSON.stringify(chat.messages)}`);

test('a chat gets an answer token by token', LIMIT, async () => {
  const chat = open(fast);
  const states = new Set();
  const texts = new Set();
  chat['~registerStatusCallback'](() => states.add(chat.status));
  chat['~registerMessagesCallback'](() => texts.add(written(chat)));
  await chat.sendMessage({ text: 'Why?' });

  assert.equal(chat.error, undefined);
  assert.deepEqual([...states], ['submitted', 'streaming', 'ready']);
  const [asked, answer] = chat.messages;
  assert.deepEqual({ ...answer, metadata: undefined }, {
    id: `${asked.id}-answer`,
    role: 'assistant',
    metadata: undefined,
    parts: [{ type: 'step-start' }, { type: 'text', text: textOf(answer), state: 'done', providerMetadata: undefined }],
  });
  assert.match(textOf(answer), /^“Why\?”: .*\.$/);
  assert.ok(texts.size > 50, `${texts.size} different texts`);
  const [{ isAbort, isDisconnect, isError, finishReason }] = chat.ends;
  assert.deepEqual({ isAbort, isDisconnect, isError, finishReason }, {
    isAbort: false,
    isDisconnect: false,
    isError: false,
    finishReason: 'stop',
  });
});

test('a chat goes on, and asks again', LIMIT, async () => {
  const chat = open(fast);
  await chat.sendMessage({ text: 'Why?' });
  await chat.sendMessage({ text: 'How?' });
  assert.deepEqual(chat.messages.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant']);
  assert.match(written(chat), /^“How\?”: /);
  const before = structuredClone(chat.messages);
  await chat.regenerate();
  assert.equal(chat.error, undefined);
  assert.deepEqual(structuredClone(chat.messages), before, 'the same prompt has the same answer, in its place');
});

test('the response says what it is', LIMIT, async () => {
  const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Why?' }] };
  const response = await fetch(`${fast.url}/api/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: newId(), messages: [message], trigger: 'submit-message' }),
  });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.equal(response.headers.get('x-vercel-ai-ui-message-stream'), 'v1');
  assert.match(await response.text(), /\ndata: \[DONE\]\n\n$/);
});

test('an answer that breaks off keeps its beginning and has the reason', LIMIT, async () => {
  const chat = open(fast);
  await chat.sendMessage({ text: 'Please break' });
  assert.equal(chat.status, 'error');
  assert.equal(chat.error.message, 'the model broke off: ask again');
  assert.match(written(chat), /^“Please break”: /);
  assert.equal(chat.ends[0].isError, true);
});

test('a refused message has the status and the reason', LIMIT, async () => {
  const chat = open(fast, { id: 'no/such' });
  await chat.sendMessage({ text: 'Why?' });
  assert.equal(chat.status, 'error');
  assert.equal(chat.error.statusCode, 400);
  assert.match(chat.error.message, /an id has 1 to 64 letters/);
});

test("the client's own stop keeps what it has", LIMIT, async () => {
  const chat = open(slow);
  const sending = chat.sendMessage({ text: 'Why?' });
  await writes(chat);
  await chat.stop();
  await sending;
  assert.equal(chat.status, 'ready');
  assert.equal(chat.ends[0].isAbort, true);
  assert.ok(written(chat));
});

test('there is nothing to resume when nothing runs', LIMIT, async () => {
  const chat = open(fast);
  assert.equal(await transportOf(fast).reconnectToStream({ chatId: chat.id }), null);
  await chat.sendMessage({ text: 'Why?' });
  assert.equal(await transportOf(fast).reconnectToStream({ chatId: chat.id }), null, 'the answer is complete');
  const before = structuredClone(chat.messages);
  await chat.resumeStream();
  assert.equal(chat.status, 'ready');
  assert.deepEqual(structuredClone(chat.messages), before);
});

test('a second client that comes in the middle gets all of the answer once', LIMIT, async () => {
  await inTheMiddle(async (first, sending) => {
    const stream = await transportOf(fast).reconnectToStream({ chatId: first.id });
    const second = open(fast, { id: first.id, messages: first.messages.slice(0, 1) });
    await second.resumeStream();
    await sending;
    if (!stream || !second.ends.length) return false;

    assert.equal(first.error ?? second.error, undefined);
    assert.deepEqual(structuredClone(second.messages), structuredClone(first.messages));
    const chunks = await all(stream);
    const count = (type) => chunks.filter((chunk) => chunk.type === type).length;
    assert.deepEqual([count('start'), count('text-start'), count('text-end'), count('finish')], [1, 1, 1, 1]);
    const deltas = chunks.filter(({ type }) => type === 'text-delta').map(({ delta }) => delta);
    assert.equal(deltas.join(''), written(first));
    return true;
  });
});

test('a client that has left resumes, and has the answer once', LIMIT, async () => {
  const whole = open(fast);
  await whole.sendMessage({ text: 'Why?' });
  await inTheMiddle(async (chat, sending) => {
    // As a reload does: the connection is closed, and the answer goes on.
    await chat.stop();
    await sending;
    const before = written(chat);
    await chat.resumeStream();
    if (chat.ends.length === 1) return false;

    assert.equal(chat.error, undefined);
    assert.equal(chat.messages.length, 2);
    assert.ok(before.length < written(chat).length);
    assert.equal(written(chat), written(whole));
    return true;
  });
});

// Calls `look` with a chat that is getting an answer. On a busy machine the answer may be complete before `look`
// has come back to it: then it returns false, and gets another chat.
async function inTheMiddle(look) {
  for (let tries = 0; tries < 10; tries += 1) {
    const chat = open(fast);
    const sending = chat.sendMessage({ text: 'Why?' });
    await writes(chat);
    if (await look(chat, sending)) return;
  }
  assert.fail('no answer was there to resume');
}

test('a stop from elsewhere ends the answer for all', LIMIT, async () => {
  const first = open(slow);
  const sending = first.sendMessage({ text: 'Why?' });
  await writes(first);
  const stream = await transportOf(slow).reconnectToStream({ chatId: first.id });
  assert.ok(stream, 'there is nothing to resume');
  // A stop that has nothing to do says the same.
  for (const _ of ['stops', 'is late']) {
    const response = await fetch(`${slow.url}/api/chat/${first.id}/stop`, { method: 'POST' });
    assert.equal(response.status, 204);
  }
  const chunks = await all(stream);
  assert.equal(chunks.at(-1).type, 'abort');
  await sending;
  assert.equal(first.status, 'ready');
  assert.ok(written(first));
  // A reason is what an answer has that was made to its end.
  assert.equal(first.ends[0].finishReason, undefined);
  assert.equal(await transportOf(slow).reconnectToStream({ chatId: first.id }), null);
});

// What the AI SDK takes from a stream beside its chunks. The example depends on it, and so does every stream that
// is read by this client: it parses the data of each event, whatever its name, to the end of the body.
describe('the AI SDK', () => {
  const CHUNKS = [
    { type: 'start', messageId: 'a1' },
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'Hello' },
    { type: 'text-end', id: 't' },
    { type: 'finish', finishReason: 'stop' },
  ].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  const ALL = CHUNKS.join('');
  const DONE = 'data: [DONE]\n\n';
  const BEGUN = CHUNKS.slice(0, 3).join('');

  const TAKEN = {
    'an end without [DONE]': ALL,
    'ids, also in blocks of their own': `id: 1\n\n${CHUNKS.map((chunk, index) => `id: ${index}\n${chunk}`).join('')}`,
    'names': CHUNKS.map((chunk) => `event: delta\n${chunk}`).join(''),
    'comments and reconnection times': CHUNKS.map((chunk) => `:\n: on\n\nretry: 9\n${chunk}`).join(''),
    '[DONE] with a name and an id': `${ALL}id: 9\nevent: done\n${DONE}`,
    'a name without data after [DONE]': `${ALL}${DONE}id: 9\nevent: done\n\n`,
    'data of the app': `${ALL}event: done\ndata: {"type":"data-done","data":null,"transient":true}\n\n${DONE}`,
  };
  for (const [what, body] of Object.entries(TAKEN)) {
    test(`takes ${what}`, LIMIT, async () => {
      const chat = await read(body);
      assert.deepEqual([chat.status, chat.error, written(chat)], ['ready', undefined, 'Hello']);
      assert.equal(chat.ends[0].finishReason, 'stop');
    });
  }

  const REFUSED = {
    'an event with other data before [DONE]': [`${ALL}event: done\ndata: {}\n\n${DONE}`, /^Type validation failed/],
    'an event with other data after [DONE]': [`${ALL}${DONE}event: done\ndata: {}\n\n`, /^Type validation failed/],
    'an event with empty data': [`${ALL}${DONE}event: done\ndata:\n\n`, /^JSON parsing failed/],
    'a chunk of an unknown type': [`${ALL}data: {"type":"done"}\n\n`, /^Type validation failed/],
    'an error chunk, which is its error': [`${BEGUN}data: {"type":"error","errorText":"lost"}\n\n${DONE}`, /^lost$/],
  };
  for (const [what, [body, reason]] of Object.entries(REFUSED)) {
    test(`fails with ${what}`, LIMIT, async () => {
      const chat = await read(body);
      assert.equal(chat.status, 'error');
      assert.match(chat.error.message, reason);
      assert.equal(written(chat), 'Hello', 'what came before is kept');
    });
  }

  // Neither is an error to it: only the missing reason tells such an answer from a complete one.
  for (const [what, rest] of Object.entries({ 'an early end': '', 'an abort': `data: {"type":"abort"}\n\n${DONE}` })) {
    test(`takes ${what} as an end`, LIMIT, async () => {
      const chat = await read(`${BEGUN}${rest}`);
      assert.deepEqual([chat.status, chat.error, written(chat)], ['ready', undefined, 'Hello']);
      assert.equal(chat.lastMessage.parts[0].state, 'streaming');
      const [{ isAbort, isDisconnect, isError, finishReason }] = chat.ends;
      assert.deepEqual([isAbort, isDisconnect, isError, finishReason], [false, false, false, undefined]);
    });
  }

  test('sends no Last-Event-ID to resume, and replaces the message of the same id', LIMIT, async () => {
    const requests = [];
    const bodies = [`id: 1\n${BEGUN}`, ALL];
    const chat = await read(() => bodies.shift(), (url, options) => requests.push([options.method, url, options.headers]));
    await chat.resumeStream();
    assert.deepEqual(requests, [
      ['POST', '/api/chat', { 'content-type': 'application/json' }],
      ['GET', `/api/chat/${chat.id}/stream`, {}],
    ]);
    assert.deepEqual(chat.messages.map(textOf), ['Why?', 'Hello']);
  });

  // A chat that has read this body.
  async function read(body, asked = () => {}) {
    const ends = [];
    const transport = new DefaultChatTransport({
      fetch: async (url, options) => {
        asked(url, options);
        return new Response(typeof body === 'function' ? body() : body);
      },
    });
    const chat = new Chat({ id: newId(), transport, onFinish: (end) => ends.push(end) });
    await chat.sendMessage({ text: 'Why?' });
    return Object.assign(chat, { ends });
  }
});

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function until(is, message) {
  const found = async () => {
    while (!is()) await pause(2);
  };
  return withTimeout(found(), () => `not in time: ${message()}`);
}
