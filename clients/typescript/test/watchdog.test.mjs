// The watchdog and a computer that sleeps, with the timers of the test.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Client } from '../dist/runtime.mjs';
import { fakeFetch, refused, settle, silent, status, stream } from './support/fake.mjs';
import { DONE, ROUTE, TICK, page, passes, read } from './support/time.mjs';

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
