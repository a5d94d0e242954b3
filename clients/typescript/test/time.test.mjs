// Delays, the watchdog and wake-ups, with the timers of the test.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Client } from '../dist/runtime.mjs';
import { fakeFetch, refused, settle, silent, status, stream } from './support/fake.mjs';

const ROUTE = { method: 'GET', path: '/', events: { tick: 'text', done: 'text' }, last: ['done'], resumes: true };
const DONE = 'event: done\ndata\n\n';
const TICK = 'id: 1\nevent: tick\ndata\n\n';

let random;
beforeEach(() => {
  random = 1;
  mock.method(Math, 'random', () => random);
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-01T00:00:00Z') });
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
  delete globalThis.document;
});

// Reads a stream to its end in the background. `delays` has the delay of each reconnect.
function read(answers, options = {}) {
  const fake = fakeFetch(...answers);
  const run = { ...fake, delays: [], errors: [], seen: [], done: false };
  const events = new Client({ baseUrl: 'http://x', fetch: fake.fetch }).stream(
    ROUTE,
    {},
    {
      ...options,
      onRetry: ({ delay, error }) => (run.delays.push(delay), run.errors.push(error)),
    },
  );
  const iterator = events[Symbol.asyncIterator]();
  run.stop = () => iterator.return();
  run.finished = (async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) run.seen.push(next.value.event);
    run.done = true;
  })();
  return run;
}

// Lets time pass in two steps: nothing is sent before the delay is over.
async function passes(run, delay, attempts) {
  await settle();
  mock.timers.tick(delay - 1);
  await settle();
  assert.equal(run.requests.length, attempts - 1, 'an attempt was too early');
  mock.timers.tick(1);
  await settle();
  assert.equal(run.requests.length, attempts, 'an attempt is missing');
}

// A page: the events that wake it up.
function page(visibilityState = 'visible') {
  const target = new EventTarget();
  let count = 0;
  globalThis.addEventListener = (name, listener) => ((count += 1), target.addEventListener(name, listener));
  globalThis.removeEventListener = (name, listener) => ((count -= 1), target.removeEventListener(name, listener));
  globalThis.document = { visibilityState };
  return {
    fire: (name, fields = {}) => target.dispatchEvent(Object.assign(new Event(name), fields)),
    listeners: () => count,
  };
}

test('delays double up to 30 s', async () => {
  const run = read([refused]);
  let attempts = 1;
  for (const delay of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) await passes(run, delay, ++attempts);
  await run.stop();
});

test('delays are random between zero and their range', async () => {
  random = 0.25;
  const run = read([refused]);
  await passes(run, 250, 2);
  random = 0;
  await passes(run, 500, 3);
  assert.deepEqual(run.delays.slice(0, 3), [250, 500, 0]);
  await run.stop();
});

test('an event resets the delays, a response alone does not', async () => {
  const run = read([refused, stream('id: 1\n\n', 'fail'), stream(TICK, 'fail'), refused, stream(DONE)]);
  await passes(run, 1000, 2);
  await passes(run, 2000, 3);
  await passes(run, 1000, 4);
  await passes(run, 2000, 5);
  assert.equal(run.done, true);
});

test('retry is the base of the delays', async () => {
  const run = read([stream('retry: 200\n' + TICK, 'fail'), refused, stream('retry: 40000\n', 'fail'), stream(DONE)]);
  await passes(run, 200, 2);
  await passes(run, 400, 3);
  // A longer base than the longest delay is its own bound.
  await passes(run, 40_000, 4);
});

test('a regular end is followed by a reconnect after retry', async () => {
  random = 0;
  const run = read([stream('retry: 2871\n' + TICK), stream(TICK), stream('retry: 3000\n'), stream(DONE)]);
  await passes(run, 2871, 2);
  await passes(run, 2871, 3);
  await passes(run, 3000, 4);
  assert.deepEqual(run.errors, [undefined, undefined, undefined]);
});

test('empty streams are asked for less and less often', async () => {
  const run = read([stream([])]);
  await passes(run, 1000, 2);
  await passes(run, 2000, 3);
  await passes(run, 4000, 4);
  await run.stop();
});

test('a retry of zero does not lead to a busy loop', async () => {
  const run = read([stream('retry: 0\n', 'fail')]);
  await passes(run, 1000 / 10, 2);
  await passes(run, 200, 3);
  await run.stop();
});

for (const [name, value, delay] of [
  ['seconds', '7', 7000],
  ['a date', 'Sun, 01 Nov 2026 00:00:09 GMT', 9000],
  ['a past date', 'Sun, 01 Nov 2015 00:00:09 GMT', 1000],
  ['nonsense', 'soon', 1000],
  ['less than the delay', '0', 1000],
  ['a negative number', '-5', 1000],
  ['a fraction', '2040.5', 2_040_500],
]) {
  test(`Retry-After of ${name} is a floor`, async () => {
    const run = read([status(503, { 'retry-after': value }), stream(DONE)]);
    await passes(run, delay, 2);
    assert.equal(run.errors[0].status, 503);
  });
}

test('a delay beyond the longest timer does not fire at once', async () => {
  const run = read([stream('retry: 99999999999\n' + TICK), stream(DONE)]);
  await settle();
  mock.timers.tick(1_000_000);
  await settle();
  assert.equal(run.requests.length, 1);
  await run.stop();
});

for (const [name, fields] of [['online'], ['visibilitychange'], ['pageshow', { persisted: true }]]) {
  test(`${name} ends a wait at once`, async () => {
    const { fire, listeners } = page();
    const run = read([refused, stream(DONE)]);
    await settle();
    assert.equal(run.requests.length, 1);
    fire(name, fields);
    mock.timers.tick(0);
    await settle();
    assert.equal(run.done, true);
    assert.equal(listeners(), 0);
  });
}

for (const [name, state, fields] of [
  ['visibilitychange', 'hidden'],
  ['pageshow', 'visible', { persisted: false }],
]) {
  test(`${name} of a page that is ${state} does not end a wait`, async () => {
    const { fire } = page(state);
    const run = read([refused, stream(DONE)]);
    await settle();
    fire(name, fields);
    await passes(run, 1000, 2);
  });
}

test('a wake-up does not undercut Retry-After', async () => {
  const { fire, listeners } = page();
  random = 1;
  const run = read([refused, refused, refused, status(503, { 'retry-after': '5' }), stream(DONE)]);
  for (const [delay, attempts] of [
    [1000, 2],
    [2000, 3],
    [4000, 4],
  ])
    await passes(run, delay, attempts);
  await settle();
  mock.timers.tick(2000);
  fire('online');
  await passes(run, 3000, 5);
  assert.equal(run.done, true);
  assert.equal(listeners(), 0);
});

test('a wait without an end leaves no listener', async () => {
  const { listeners } = page();
  const run = read([refused]);
  await settle();
  assert.notEqual(listeners(), 0);
  await run.stop();
  assert.equal(listeners(), 0);
});

test('a silence before the response is a lost connection', async () => {
  const run = read([silent, stream(DONE)], { watchdog: 500 });
  await settle();
  mock.timers.tick(499);
  await settle();
  assert.deepEqual(run.errors, []);
  mock.timers.tick(1);
  await settle();
  assert.equal(run.errors[0].name, 'TimeoutError');
  assert.equal(run.requests[0].signal.aborted, true);
  await passes(run, 1000, 2);
  assert.equal(run.done, true);
});

test('a silence in the body is a lost connection, by default after 60 s', async () => {
  const run = read([stream(TICK, 'open'), stream(DONE)]);
  await settle();
  mock.timers.tick(59_999);
  await settle();
  assert.deepEqual([run.seen, run.errors], [['tick'], []]);
  mock.timers.tick(1);
  await settle();
  assert.equal(run.errors[0].name, 'TimeoutError');
  await passes(run, 1000, 2);
  assert.deepEqual(run.ids(), [null, '1']);
});

test('a silence in the body of an error is a lost connection', async () => {
  const run = read([() => new Response(new ReadableStream({}), { status: 503 }), stream(DONE)], { watchdog: 500 });
  await settle();
  mock.timers.tick(500);
  await passes(run, 1000, 2);
});

test('comments are signs of life', async () => {
  let send;
  const body = new ReadableStream({
    start: (controller) => {
      send = (text) => controller.enqueue(new TextEncoder().encode(text));
    },
  });
  const run = read([() => new Response(body, { headers: { 'content-type': 'text/event-stream' } })], { watchdog: 500 });
  for (let count = 0; count < 5; count += 1) {
    await settle();
    mock.timers.tick(400);
    send(':\n');
  }
  await settle();
  assert.deepEqual(run.errors, []);
  await run.stop();
});

for (const watchdog of [0, Infinity]) {
  test(`a watchdog of ${watchdog} waits for ever`, async () => {
    const run = read([silent], { watchdog });
    await settle();
    mock.timers.tick(2 ** 30);
    await settle();
    assert.deepEqual(run.errors, []);
    await run.stop();
  });
}

test('a connection that was silent while the computer slept is lost at the wake-up', async () => {
  const { fire, listeners } = page();
  const run = read([stream(TICK, 'open'), stream(DONE)], { watchdog: 60_000 });
  await settle();
  fire('visibilitychange');
  await settle();
  assert.deepEqual(run.errors, []);
  // The clock has gone on, and the timers have not.
  mock.timers.setTime(Date.now() + 3_600_000);
  fire('visibilitychange');
  await settle();
  assert.equal(run.errors[0].name, 'TimeoutError');
  mock.timers.tick(0);
  await settle();
  assert.equal(run.done, true);
  assert.equal(listeners(), 0);
});

test('a connection that fails just after a wake-up is replaced at once', async () => {
  const { fire } = page();
  let fail;
  const body = new ReadableStream({
    start: (controller) => {
      fail = () => controller.error(new TypeError('network error'));
    },
  });
  const run = read([
    () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    refused,
    stream(DONE),
  ]);
  await settle();
  fire('pageshow', { persisted: true });
  mock.timers.tick(4000);
  fail();
  await settle();
  mock.timers.tick(0);
  await settle();
  assert.equal(run.requests.length, 2);
  // One wake-up is worth one attempt.
  await passes(run, 2000, 3);
});

test('a wake-up while the consumer works counts for the next failure', async () => {
  const { fire, listeners } = page();
  let fail;
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(TICK));
      fail = () => controller.error(new TypeError('network error'));
    },
  });
  const { fetch, requests } = fakeFetch(
    () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    stream(DONE),
  );
  const iterator = new Client({ baseUrl: 'http://x', fetch }).stream(ROUTE, {})[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).value.event, 'tick');
  fire('pageshow', { persisted: true });
  fail();
  const next = iterator.next();
  await settle();
  mock.timers.tick(0);
  await settle();
  assert.equal(requests.length, 2);
  assert.equal((await next).value.event, 'done');
  assert.equal((await iterator.next()).done, true);
  assert.equal(listeners(), 0);
});

test('a clock that jumps while the consumer works is not a silence', async () => {
  const { fire } = page();
  const { fetch, requests } = fakeFetch(stream([TICK, TICK], 'open'));
  const iterator = new Client({ baseUrl: 'http://x', fetch }).stream(ROUTE, {})[Symbol.asyncIterator]();
  await iterator.next();
  mock.timers.setTime(Date.now() + 3_600_000);
  fire('visibilitychange');
  assert.equal((await iterator.next()).value.event, 'tick');
  assert.equal(requests.length, 1);
  await iterator.return();
});

test('wake-ups bring forward one attempt a second', async () => {
  const { fire } = page();
  const run = read([refused]);
  const wake = async () => {
    await settle();
    fire('online');
    mock.timers.tick(0);
    await settle();
  };
  await wake();
  assert.equal(run.requests.length, 2);
  for (let count = 0; count < 5; count += 1) await wake();
  assert.equal(run.requests.length, 2);
  mock.timers.tick(999);
  await wake();
  assert.equal(run.requests.length, 2);
  await passes(run, 1, 3);
  await run.stop();
});
