// The promise: the example `tokens` is an API that OpenAI's own client works with, unchanged: streams to their
// end, streams that the client leaves, and errors. clients.test.mjs shows that this client reports all events.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { start, withTimeout } from './support/server.mjs';

const LIMIT = { timeout: 60_000 };
const ASK = { model: 'any', messages: [{ role: 'user', content: 'Why?' }] };
// The number of completions that the example makes at a time.
const CAPACITY = 4;

// A server whose answers take a moment, and one whose answers outlast each test, so that no test depends on the
// speed of the machine. The second argument is the time for a token, in milliseconds.
let fast;
let slow;
before(async () => {
  [fast, slow] = await Promise.all([start('tokens', 0, '1'), start('tokens', 0, '1000')]);
});
after(async () => {
  await Promise.all([fast?.stop(), slow?.stop()]);
});

function clientOf({ url }) {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

test('a stream has the text of the answer, token by token, and an end', LIMIT, async () => {
  const client = clientOf(fast);
  const whole = await client.chat.completions.create(ASK);
  const [{ message }] = whole.choices;
  const stream = await client.chat.completions.create({ ...ASK, stream: true, stream_options: { include_usage: true } });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);

  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1, 'one completion, one id');
  const usage = chunks.pop();
  assert.deepEqual(usage.choices, []);
  assert.deepEqual(usage.usage, whole.usage);
  assert.deepEqual(chunks.map(({ choices }) => choices[0].finish_reason), [
    ...Array(chunks.length - 1).fill(null),
    'stop',
  ]);
  const deltas = chunks.map(({ choices }) => choices[0].delta);
  assert.deepEqual(deltas[0], { role: 'assistant', content: '' });
  const tokens = deltas.slice(1, -1).map(({ content }) => content);
  assert.equal(tokens.length, whole.usage.completion_tokens);
  assert.equal(tokens.join(''), message.content);
});

test("the client's helper puts a completion together", LIMIT, async () => {
  const client = clientOf(fast);
  const whole = await client.chat.completions.create({ ...ASK, max_completion_tokens: 5 });
  const helper = client.chat.completions.stream({ ...ASK, max_completion_tokens: 5 });
  const tokens = [];
  helper.on('content', (token) => tokens.push(token));
  const { choices } = await helper.finalChatCompletion();
  assert.equal(choices[0].message.content, whole.choices[0].message.content);
  assert.equal(choices[0].finish_reason, 'length');
  assert.equal(tokens.filter(Boolean).length, 5);
});

test('every kind of message is accepted', LIMIT, async () => {
  const client = clientOf(fast);
  const call = { id: '1', type: 'function', function: { name: 'answer', arguments: '{}' } };
  const messages = [
    { role: 'developer', content: 'Be short.' },
    { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: '1', content: '42' },
  ];
  const { choices } = await client.chat.completions.create({ model: 'any', messages, max_tokens: 1 });
  assert.ok(choices[0].message.content);
});

// The ways in which an app stops a stream.
const STOPS = {
  'a loop that is left': async (client) => {
    let tokens = 0;
    for await (const chunk of await client.chat.completions.create({ ...ASK, stream: true })) {
      tokens += chunk.choices[0].delta.content ? 1 : 0;
      if (tokens === 2) break;
    }
  },
  'the controller of the stream': async (client) => {
    const stream = await client.chat.completions.create({ ...ASK, stream: true });
    let tokens = 0;
    for await (const chunk of stream) {
      tokens += chunk.choices[0].delta.content ? 1 : 0;
      if (tokens === 2) stream.controller.abort();
    }
    assert.equal(tokens, 2);
  },
  'a signal before the first token': async (client) => {
    const controller = new AbortController();
    const { signal } = controller;
    const asked = client.chat.completions.create(ASK, { signal });
    await until(({ busy }) => busy === 1);
    controller.abort();
    await assert.rejects(asked, OpenAI.APIUserAbortError);
  },
};

for (const [name, stop] of Object.entries(STOPS)) {
  test(`the server stops the work: ${name}`, LIMIT, async () => {
    const before = await until(({ busy }) => busy === 0);
    await stop(clientOf(slow));
    // A server that did not notice would make the answer to its end, and count it as finished.
    const { finished, stopped } = await until(({ busy }) => busy === 0);
    assert.deepEqual({ finished, stopped }, { finished: before.finished, stopped: before.stopped + 1 });
  });
}

test('errors are the exceptions of the client, with the reason', LIMIT, async () => {
  const client = clientOf(slow);
  const empty = client.chat.completions.create({ ...ASK, messages: [], stream: true });
  await assert.rejects(empty, (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /^400 `messages` is empty/);
    return true;
  });

  await until(({ busy }) => busy === 0);
  const open = () => client.chat.completions.create({ ...ASK, stream: true });
  const streams = await Promise.all(Array.from({ length: CAPACITY }, open));
  await assert.rejects(open(), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.type, 'rate_limit_error');
    return true;
  });
  for (const stream of streams) stream.controller.abort();
  await until(({ busy }) => busy === 0);
});

// Asks the slow server for its counts until they are as described.
async function until(is) {
  let counts;
  const found = async () => {
    for (;;) {
      counts = await (await fetch(`${slow.url}/model`)).json();
      if (is(counts)) return counts;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return withTimeout(found(), () => `the counts stay at ${JSON.stringify(counts)}`);
}
