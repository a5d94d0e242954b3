// Delays and wake-ups, with the timers of the test.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { refused, settle, status, stream } from './support/fake.mjs';
import { DONE, TICK, luck, page, passes, read } from './support/time.mjs';

test('delays double up to 30 s', async () => {
  const run = read([refused]);
  let attempts = 1;
  for (const delay of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) await passes(run, delay, ++attempts);
  await run.stop();
});

test('delays are random between zero and their range', async () => {
  luck.random = 0.25;
  const run = read([refused]);
  await passes(run, 250, 2);
  luck.random = 0;
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
  luck.random = 0;
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
  luck.random = 1;
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
