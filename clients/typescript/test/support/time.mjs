// A stream of ticks in the time of the test: its timers, its clock, and a page that wakes up.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock } from 'node:test';
import { Client } from '../../dist/runtime.mjs';
import { fakeFetch, settle } from './fake.mjs';

export const ROUTE = { method: 'GET', path: '/', events: { tick: 'text', done: 'text' }, last: ['done'], resumes: true };
export const DONE = 'event: done\ndata\n\n';
export const TICK = 'id: 1\nevent: tick\ndata\n\n';

// The next random numbers.
export const luck = { random: 1 };
beforeEach(() => {
  luck.random = 1;
  mock.method(Math, 'random', () => luck.random);
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
export function read(answers, options = {}) {
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
export async function passes(run, delay, attempts) {
  await settle();
  mock.timers.tick(delay - 1);
  await settle();
  assert.equal(run.requests.length, attempts - 1, 'an attempt was too early');
  mock.timers.tick(1);
  await settle();
  assert.equal(run.requests.length, attempts, 'an attempt is missing');
}

// A page: the events that wake it up.
export function page(visibilityState = 'visible') {
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
