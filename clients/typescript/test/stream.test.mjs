// The rules of one stream: which events are delivered, which id is resumed and noted, and how the iteration ends.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { beforeEach, mock, test } from 'node:test';
import { Client, ContentTypeError, CutError, DataError, GapError, HttpError } from '../dist/runtime.mjs';
import { body, collect, fakeFetch, refused, settle, silent, status, stream } from './support/fake.mjs';

const ROUTE = {
  method: 'GET',
  path: '/events',
  resumes: true,
  events: { tick: 'json', text: 'text', ping: 'empty', gap: 'json', done: 'empty' },
  last: ['done'],
};
const RAW = { method: 'GET', path: '/raw' };
const GAP = 'id: 9\nevent: gap\ndata: {"reason":"trimmed","from":"1","resumed_at":"9"}\n\n';
const DONE = 'id: end\nevent: done\ndata:\n\n';
const tick = (id) => `id: ${id}\nevent: tick\ndata: ${id}\n\n`;
const ids = (events) => events.map(({ id }) => id);

// Delays without luck: none at all.
beforeEach(() => {
  mock.restoreAll();
  mock.method(Math, 'random', () => 0);
});

function open(answers, options = {}, route = ROUTE) {
  const fake = fakeFetch(...answers);
  const client = new Client({ baseUrl: 'http://x', fetch: fake.fetch });
  return { ...fake, client, events: client.stream(route, {}, options) };
}

// A store that records what is loaded and saved.
function memory(first) {
  const saved = [];
  return { saved, load: async () => saved.at(-1) ?? first, save: async (id) => void saved.push(id) };
}

test('data is decoded by the name of the event', async () => {
  const { events } = open([
    stream(['event: tick\ndata: {"a":1}\nid: 1\n\nevent: text\ndata: {"a":1}\n\nevent: ping\ndata: x\n\n', DONE]),
  ]);
  assert.deepEqual(await collect(events), [
    { event: 'tick', data: { a: 1 }, id: '1' },
    { event: 'text', data: '{"a":1}', id: '1' },
    { event: 'ping', data: undefined, id: '1' },
    { event: 'done', data: undefined, id: 'end' },
  ]);
});

test('a route without a table has the text of every event', async () => {
  const { events } = open([stream('data: 1\n\nevent: tick\ndata: 2\n\n'), status(204)], {}, RAW);
  mock.timers.enable({ apis: ['setTimeout'] });
  const all = collect(events);
  await settle();
  mock.timers.tick(1000);
  assert.deepEqual(await all, [
    { event: 'message', data: '1', id: '' },
    { event: 'tick', data: '2', id: '' },
  ]);
  mock.timers.reset();
});

test('an unknown event is skipped, reported, and its id is noted', async () => {
  const unknown = [];
  const store = memory();
  const { events } = open([stream([tick(1), 'id: 2\nevent: constructor\ndata: x\n\n'], 'fail'), stream(DONE)], {
    store,
    onUnknown: (event) => unknown.push(event),
  });
  assert.deepEqual(ids(await collect(events)), ['1', 'end']);
  assert.deepEqual(unknown, [{ event: 'constructor', data: 'x', id: '2' }]);
  assert.deepEqual(store.saved, ['1', '2', 'end']);
});

test('the last event ends the iteration and closes the connection first', async () => {
  const { events, requests } = open([stream([tick(1), DONE, tick(2)], 'open')]);
  const iterator = events[Symbol.asyncIterator]();
  await iterator.next();
  assert.equal(requests[0].signal.aborted, false);
  assert.equal((await iterator.next()).value.event, 'done');
  assert.equal(requests[0].signal.aborted, true);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.equal(requests.length, 1);
});

test('isLast ends the iteration, and the id is noted', async () => {
  const store = memory();
  const { events } = open([stream([tick(1), tick(2), tick(3)], 'open')], { store, isLast: ({ data }) => data === 2 });
  assert.deepEqual(ids(await collect(events)), ['1', '2']);
  assert.deepEqual(store.saved, ['1', '2']);
});

test('204 ends the iteration', async () => {
  const { events, ids: sent } = open([stream(tick(1), 'fail'), status(204)]);
  assert.deepEqual(ids(await collect(events)), ['1']);
  assert.deepEqual(sent(), [null, '1']);
});

test('a lost connection is resumed after the last event', async () => {
  const { events, ids: sent } = open([
    stream([tick(1) + tick(2), 'id: 3\nevent: tick\nda'], 'fail'),
    refused,
    stream('id: 4\n\n', 'fail'),
    stream(DONE),
  ]);
  assert.deepEqual(ids(await collect(events)), ['1', '2', 'end']);
  assert.deepEqual(sent(), [null, '2', '2', '4']);
});

test('an id that is not ASCII is sent as UTF-8', async () => {
  const { events, ids: sent } = open([stream('id: é…🦀\nevent: ping\ndata\n\n', 'fail'), stream(DONE)]);
  await collect(events);
  assert.equal(Buffer.from(sent()[1], 'latin1').toString(), 'é…🦀');
});

test('an empty id is forgotten', async () => {
  const { events, ids: sent } = open([stream([tick(1), 'id\nevent: ping\ndata\n\n'], 'fail'), stream(DONE)]);
  await collect(events);
  assert.deepEqual(sent(), [null, null]);
});

test('an id is saved when the next event is asked for', async () => {
  const store = memory('7');
  const { events, ids: sent } = open([stream([tick(8) + tick(9) + 'id: 10\n\n'], 'open')], { store });
  const iterator = events[Symbol.asyncIterator]();
  await iterator.next();
  assert.deepEqual(store.saved, []);
  await iterator.next();
  assert.deepEqual(store.saved, ['8']);
  const third = iterator.next();
  await settle();
  assert.deepEqual(store.saved, ['8', '9', '10']);
  await iterator.return();
  assert.equal((await third).done, true);
  assert.deepEqual(sent(), ['7']);
});

test('an id that stays is saved once', async () => {
  const store = memory();
  const { events } = open([stream([tick(1), 'event: ping\ndata\n\n', 'data\n\n', DONE])], { store });
  await collect(events);
  assert.deepEqual(store.saved, ['1', 'end']);
});

test('lastEventId comes before the store', async () => {
  const { events, ids: sent } = open([stream(DONE)], { store: memory('7'), lastEventId: '6' });
  await collect(events);
  assert.deepEqual(sent(), ['6']);
});

test('an event that is no JSON is an error, and is not noted', async () => {
  const store = memory();
  const { events, requests } = open([stream([tick(1), 'id: 2\nevent: tick\ndata: {\n\n'], 'open')], { store });
  await assert.rejects(
    collect(events),
    (error) => error instanceof DataError && error.event === 'tick' && error.data === '{' && error.id === '2',
  );
  assert.deepEqual(store.saved, ['1']);
  assert.equal(requests[0].signal.aborted, true);
});

test('a gap is an event by default', async () => {
  const { events } = open([stream([GAP, DONE])]);
  assert.deepEqual((await collect(events))[0], {
    event: 'gap',
    data: { reason: 'trimmed', from: '1', resumed_at: '9' },
    id: '9',
  });
});

test("onGap 'throw' is an error, and the gap is not noted", async () => {
  const store = memory();
  const { events } = open([stream([tick(1), GAP])], { store, onGap: 'throw' });
  await assert.rejects(collect(events), (error) => error instanceof GapError && error.gap.reason === 'trimmed');
  assert.deepEqual(store.saved, ['1']);
});

test('a function for gaps is awaited before the next event', async () => {
  let finish;
  const gaps = [];
  const { events } = open([stream([GAP + tick(10), DONE])], {
    onGap: (gap) => (
      gaps.push(gap),
      new Promise((resolve) => {
        finish = resolve;
      })
    ),
  });
  const iterator = events[Symbol.asyncIterator]();
  let first;
  iterator.next().then((result) => {
    first = result;
  });
  await settle();
  assert.equal(gaps[0].from, '1');
  assert.equal(first, undefined);
  finish();
  await settle();
  assert.equal(first.value.id, '10');
  await iterator.return();
});

test("onGap 'restart' delivers the gap and begins anew without an id", async () => {
  const store = memory('1');
  const {
    events,
    ids: sent,
    requests,
  } = open([stream([GAP, tick(10)], 'open'), stream([tick(20), DONE])], { store, onGap: 'restart' });
  assert.deepEqual(
    (await collect(events)).map(({ event, id }) => [event, id]),
    [
      ['gap', '9'],
      ['tick', '20'],
      ['done', 'end'],
    ],
  );
  assert.deepEqual(sent(), ['1', null]);
  assert.deepEqual(store.saved, ['', '20', 'end']);
  assert.equal(requests[0].signal.aborted, true);
});

test('a gap is handled though the route does not declare it', async () => {
  const { events } = open([stream(GAP)], { onGap: 'throw' }, { ...ROUTE, events: { done: 'empty' } });
  await assert.rejects(collect(events), GapError);
});

test('a 4xx is an error with its problem', async () => {
  const problem = { title: 'Not Found', status: 404 };
  const { events, requests } = open([
    status(404, { 'content-type': 'application/problem+json' }, JSON.stringify(problem)),
  ]);
  await assert.rejects(collect(events), (error) => {
    assert.ok(error instanceof HttpError);
    assert.equal(error.status, 404);
    assert.deepEqual(error.problem, problem);
    assert.equal(error.headers.get('content-type'), 'application/problem+json');
    return true;
  });
  assert.equal(requests.length, 1);
});

test('the body of an error is bounded', async () => {
  let pulls = 0;
  const endless = new ReadableStream({
    pull: (controller) => ((pulls += 1), controller.enqueue(new Uint8Array(10_000).fill(65))),
  });
  const { events } = open([() => new Response(endless, { status: 400 })]);
  await assert.rejects(collect(events), (error) => error.body.length === 65_536 && error.problem === undefined);
  assert.ok(pulls < 20);
});

for (const code of [400, 403, 404, 409, 410, 422, 205]) {
  test(`${code} is not tried again`, async () => {
    const { events, requests } = open([status(code)]);
    await assert.rejects(collect(events), (error) => error instanceof HttpError && error.status === code);
    assert.equal(requests.length, 1);
  });
}

for (const code of [408, 429, 500, 502, 503, 504]) {
  test(`${code} is tried again`, async () => {
    const { events, requests } = open([status(code), stream(DONE)]);
    await collect(events);
    assert.equal(requests.length, 2);
  });
}

for (const type of ['text/html', 'text/event-streams', 'application/json', 'x text/event-stream', '']) {
  test(`the content type "${type}" is an error`, async () => {
    const { events } = open([() => new Response(body([DONE]), { headers: { 'content-type': type } })]);
    await assert.rejects(collect(events), (error) => error instanceof ContentTypeError && error.contentType === type);
  });
}

for (const type of [
  'text/event-stream',
  'TEXT/Event-Stream;charset=utf-8',
  'text/event-stream;',
  'text/event-stream ; a=b',
]) {
  test(`the content type "${type}" is an event stream`, async () => {
    const { events } = open([() => new Response(body([DONE]), { headers: { 'content-type': type } })]);
    assert.equal((await collect(events)).length, 1);
  });
}

// Headers.

test('headers are made before each attempt, and once more after a 401', async () => {
  let made = 0;
  const { events, requests } = open([status(401), stream(tick(1), 'fail'), status(401), stream(DONE)], {
    headers: async () => ({ Authorization: `Bearer ${++made}` }),
  });
  await collect(events);
  assert.deepEqual(
    requests.map(({ headers }) => headers.get('authorization')),
    ['Bearer 1', 'Bearer 2', 'Bearer 3', 'Bearer 4'],
  );
});

test('a second 401 in a row is an error', async () => {
  const { events, requests } = open([status(401)], { headers: () => ({}) });
  await assert.rejects(collect(events), (error) => error.status === 401);
  assert.equal(requests.length, 2);
});

test('a 401 with fixed headers is an error', async () => {
  const { events, requests } = open([status(401)], { headers: { a: 'b' } });
  await assert.rejects(collect(events), (error) => error.status === 401);
  assert.equal(requests.length, 1);
});

test('headers of a stream replace those of the client', async () => {
  const { fetch, requests } = fakeFetch(stream(DONE));
  const client = new Client({
    baseUrl: 'http://x',
    fetch,
    headers: () => ({ a: '1', b: '1' }),
    credentials: 'include',
  });
  await collect(client.stream(ROUTE, {}, { headers: { b: '2' } }));
  const { headers, credentials, cache, method } = requests[0];
  assert.deepEqual(
    [...headers],
    [
      ['a', '1'],
      ['accept', 'text/event-stream'],
      ['b', '2'],
    ],
  );
  assert.deepEqual([credentials, cache, method], ['include', 'no-store', 'GET']);
});

// POST.

const POST = { ...ROUTE, method: 'POST', body: 'json' };

test('a POST has its body in each attempt and resumes by its id', async () => {
  const fake = fakeFetch(stream(tick(1), 'fail'), stream(DONE));
  const client = new Client({ baseUrl: 'http://x', fetch: fake.fetch });
  assert.deepEqual(ids(await collect(client.stream(POST, { body: { a: 1 } }))), ['1', 'end']);
  assert.deepEqual(fake.ids(), [null, '1']);
  for (const { method, body: sent, headers } of fake.requests)
    assert.deepEqual([method, sent, headers.get('content-type')], ['POST', '{"a":1}', 'application/json']);
});

for (const [name, answers, route] of [
  ['that is cut before its first id', [stream([], 'fail')], POST],
  ['that is not answered', [refused], POST],
  ['that cannot be resumed', [stream(tick(1), 'fail')], { ...POST, resumes: false }],
  ['that ends without its last event', [stream(tick(1))], { ...POST, resumes: false }],
]) {
  test(`a POST ${name} is not sent again`, async () => {
    const { events, requests } = open(answers, {}, route);
    await assert.rejects(collect(events), CutError);
    assert.equal(requests.length, 1);
  });
}

test('a POST that the server has refused for now is sent again', async () => {
  const { events, requests } = open([status(503), status(429), stream(DONE)], {}, POST);
  await collect(events);
  assert.equal(requests.length, 3);
});

test('a POST with a 500 is an error', async () => {
  const { events } = open([status(500)], {}, POST);
  await assert.rejects(collect(events), (error) => error instanceof HttpError && error.status === 500);
});

test('a POST without a last event is over at its end', async () => {
  const { events } = open([stream(tick(1))], {}, { ...POST, resumes: false, last: undefined });
  assert.deepEqual(ids(await collect(events)), ['1']);
});

test('a POST that may be repeated begins anew', async () => {
  const { events, requests } = open(
    [refused, stream([], 'fail'), stream(DONE)],
    { repeat: true },
    { ...POST, resumes: false },
  );
  await collect(events);
  assert.equal(requests.length, 3);
});

// Ends.

// The number of listeners that the runtime has on a signal of the user.
const listeners = (signal) => getEventListeners(signal, 'abort').length;

for (const [name, answers, options] of [
  ['while the headers are made', [stream(DONE)], { headers: () => new Promise(() => {}) }],
  ['while the id is loaded', [stream(DONE)], { store: { load: () => new Promise(() => {}), save() {} } }],
  ['before the response', [silent], {}],
  ['before the response of a fetch without signals', [() => new Promise(() => {})], {}],
  ['in the body', [stream([], 'open')], {}],
  ['in the body of a 500', [() => new Response(new ReadableStream({}), { status: 500 })], {}],
  ['while an id is saved', [stream('id: 1\n\n', 'open')], { store: { load() {}, save: () => new Promise(() => {}) } }],
  ['while a gap is handled', [stream(GAP, 'open')], { onGap: () => new Promise(() => {}) }],
  ['while an unknown event is handled', [stream('data: 1\n\n', 'open')], { onUnknown: () => new Promise(() => {}) }],
  ['during a wait', [status(503, { 'retry-after': '1000' })], {}],
]) {
  test(`an abort ${name} ends the iteration without an error`, async () => {
    const abort = new AbortController();
    const { events, requests } = open(answers, { ...options, signal: abort.signal });
    const all = collect(events);
    await settle();
    assert.equal(listeners(abort.signal), 1);
    abort.abort();
    assert.deepEqual(await all, []);
    assert.equal(listeners(abort.signal), 0);
    for (const { signal } of requests) assert.equal(signal.aborted, true);
  });

  test(`a return ${name} ends the iteration without an error`, async () => {
    const abort = new AbortController();
    const { events, requests } = open(answers, { ...options, signal: abort.signal });
    const iterator = events[Symbol.asyncIterator]();
    const next = iterator.next();
    await settle();
    await iterator.return();
    assert.equal((await next).done, true);
    assert.equal(listeners(abort.signal), 0);
    for (const { signal } of requests) assert.equal(signal.aborted, true);
  });
}

test('an abort while the consumer works closes the connection at once', async () => {
  const abort = new AbortController();
  const { events, requests } = open([stream(tick(1) + tick(2), 'open')], { signal: abort.signal });
  const seen = [];
  for await (const event of events) {
    seen.push(event.id);
    abort.abort();
    assert.equal(requests[0].signal.aborted, true);
  }
  assert.deepEqual(seen, ['1']);
});

test('nothing is saved or reported after an abort', async () => {
  const abort = new AbortController();
  const store = memory();
  const unknown = [];
  const { events } = open([stream([tick(1) + 'id: 2\ndata\n\n'], 'open')], {
    store,
    signal: abort.signal,
    onUnknown: (event) => unknown.push(event),
  });
  for await (const _ of events) abort.abort();
  assert.deepEqual([store.saved, unknown], [[], []]);
});

test('a signal that is aborted already sends no request', async () => {
  const { events, requests } = open([stream(DONE)], { signal: AbortSignal.abort() });
  assert.deepEqual(await collect(events), []);
  assert.equal(requests.length, 0);
});

test('a stream connects when it is read', async () => {
  const { events, requests } = open([stream(DONE)]);
  await settle();
  const iterator = events[Symbol.asyncIterator]();
  await settle();
  assert.equal(requests.length, 0);
  await iterator.return();
  assert.equal((await iterator.next()).done, true);
  assert.equal(requests.length, 0);
});

test('break closes the connection and removes the listener', async () => {
  const abort = new AbortController();
  const { events, requests } = open([stream([tick(1), tick(2)], 'open')], { signal: abort.signal });
  assert.equal((await collect(events, 1)).length, 1);
  assert.equal(requests[0].signal.aborted, true);
  assert.equal(listeners(abort.signal), 0);
});

test('the body of a fetch that ignores signals is cancelled', async () => {
  let cancelled = false;
  const response = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(tick(1))),
        cancel: () => {
          cancelled = true;
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    );
  const { events } = open([response]);
  await collect(events, 1);
  assert.equal(cancelled, true);
});

test('each iteration has a connection of its own', async () => {
  const { events, requests } = open([stream([tick(1), DONE])]);
  const [first, second] = await Promise.all([collect(events), collect(events)]);
  assert.deepEqual(first, second);
  assert.equal(requests.length, 2);
});

for (const [name, answers, make] of [
  ['headers', [stream(DONE)], (fail) => ({ headers: fail })],
  ['load', [stream(DONE)], (fail) => ({ store: { load: fail, save() {} } })],
  ['save', [stream('id: 1\n\n', 'open')], (fail) => ({ store: { load() {}, save: fail } })],
  ['onGap', [stream(GAP, 'open')], (fail) => ({ onGap: fail })],
  ['onUnknown', [stream('data: 1\n\n', 'open')], (fail) => ({ onUnknown: fail })],
  ['onOpen', [stream(DONE)], (fail) => ({ onOpen: fail })],
  ['onRetry', [refused], (fail) => ({ onRetry: fail })],
  ['isLast', [stream(tick(1), 'open')], (fail) => ({ isLast: fail })],
]) {
  for (const [kind, fail] of [
    [
      'a throw',
      () => {
        throw new RangeError('mine');
      },
    ],
    [
      'a rejection',
      async () => {
        throw new RangeError('mine');
      },
    ],
  ]) {
    if (kind === 'a rejection' && name === 'isLast') continue;
    test(`${kind} of ${name} comes out of the iteration`, async () => {
      const abort = new AbortController();
      const { events, requests } = open(answers, { ...make(fail), signal: abort.signal });
      await assert.rejects(collect(events), RangeError);
      assert.equal(listeners(abort.signal), 0);
      for (const { signal } of requests) assert.equal(signal.aborted, true);
    });
  }
}

test('the watchdog does not run while the consumer works', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { events, requests } = open([stream([tick(1), DONE], 'open')], { watchdog: 100 });
  for await (const _ of events) {
    mock.timers.tick(1000);
    await settle();
  }
  assert.equal(requests.length, 1);
  mock.timers.reset();
});

test('a slow consumer stops the reading', async () => {
  let pulled = 0;
  const endless = () =>
    new Response(
      new ReadableStream(
        { pull: (controller) => controller.enqueue(new TextEncoder().encode(tick(++pulled))) },
        { highWaterMark: 0 },
      ),
      { headers: { 'content-type': 'text/event-stream' } },
    );
  const { events } = open([endless]);
  const iterator = events[Symbol.asyncIterator]();
  for (let count = 1; count <= 10; count += 1) {
    await iterator.next();
    await settle();
    assert.equal(pulled, count);
  }
  await iterator.return();
});

for (const [name, end] of [
  ['an abort', (_, abort) => abort.abort()],
  ['a return', (iterator) => iterator.return()],
]) {
  test(`${name} in the tick of the first next sends no request`, async () => {
    const abort = new AbortController();
    const { events, requests } = open([silent], { signal: abort.signal });
    const iterator = events[Symbol.asyncIterator]();
    const next = iterator.next();
    await end(iterator, abort);
    assert.equal((await next).done, true);
    assert.equal(requests.length, 0);
    assert.equal(listeners(abort.signal), 0);
  });
}

for (const reason of [undefined, null, 0, '']) {
  test(`a fetch that rejects with ${JSON.stringify(reason)} is a lost connection`, async () => {
    const { events } = open([() => Promise.reject(reason)], {}, { ...POST, last: undefined });
    await assert.rejects(collect(events), (error) => error instanceof CutError && error.cause instanceof Error);
  });
}

test('a response that comes after the end is cancelled', async () => {
  let answer;
  let cancelled = false;
  const { events } = open([
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  ]);
  const iterator = events[Symbol.asyncIterator]();
  const next = iterator.next();
  await settle();
  await iterator.return();
  assert.equal((await next).done, true);
  const late = new ReadableStream({
    cancel() {
      cancelled = true;
    },
  });
  answer(new Response(late, { headers: { 'content-type': 'text/event-stream' } }));
  await settle();
  assert.equal(cancelled, true);
});

test('a POST that cannot be sent again does not end at a restart', async () => {
  const { events, requests } = open([stream(GAP, 'open')], { onGap: 'restart' }, { ...POST, last: undefined });
  await assert.rejects(collect(events), CutError);
  assert.equal(requests.length, 1);
});

for (const character of ['\u0001', '\u001b', '\u007f']) {
  test(`an id with ${JSON.stringify(character)} is an error, not a lost connection`, async () => {
    const { events, requests } = open([stream(`id: 1${character}\nevent: ping\ndata\n\n`, 'fail'), stream(DONE)]);
    await assert.rejects(collect(events), /headers cannot carry the id "1/);
    assert.equal(requests.length, 1);
  });
}

test('a long id is sent', async () => {
  const id = 'é'.repeat(100_000);
  const { events, ids: sent } = open([stream(`id: ${id}\nevent: ping\ndata\n\n`, 'fail'), stream(DONE)]);
  await collect(events);
  assert.equal(Buffer.from(sent()[1], 'latin1').toString(), id);
});
