// The ends of an iteration: nothing is left, and nothing happens after it.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { mock, test } from 'node:test';
import { CutError } from '../dist/runtime.mjs';
import { body, collect, refused, settle, silent, status, stream } from './support/fake.mjs';
import { DONE, GAP, ROUTE, memory, open, tick } from './support/ticks.mjs';

const POST = { ...ROUTE, method: 'POST', body: 'json' };

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
