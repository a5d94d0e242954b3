// Runs: a start that is followed after a cut, and is never a second start.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Client, HttpError } from '../dist/runtime.mjs';
import { collect, fakeFetch, refused, status, stream } from './support/fake.mjs';

beforeEach(() => mock.method(Math, 'random', () => 0));
afterEach(() => mock.restoreAll());

const START = {
  method: 'POST',
  path: '/runs/{id}',
  body: 'json',
  events: { word: 'json', done: 'json' },
  last: ['done'],
};
const FOLLOW = { method: 'GET', path: '/runs/{id}/events', resumes: true };
const STOP = { method: 'POST', path: '/runs/{id}/stop' };
const word = (id) => `id: ${id}\nevent: word\ndata: "w${id}"\n\n`;
const DONE = 'id: 9\nevent: done\ndata: {}\n\n';

function run(routes, ...answers) {
  const fake = fakeFetch(...answers);
  const client = new Client({ baseUrl: 'http://x', fetch: fake.fetch });
  return {
    ...fake,
    run: client.run(routes, { id: 'a b', body: { q: 1 } }),
    sent: () => fake.requests.map(({ method, url }) => `${method} ${url.slice(8)}`),
  };
}

test('a start that is cut is followed from its last event', async () => {
  const {
    run: answer,
    sent,
    ids,
    requests,
  } = run(
    { start: START, follow: FOLLOW, stop: STOP },
    refused,
    stream(word(1) + word(2), 'fail'),
    refused,
    stream(word(3) + DONE),
  );
  assert.deepEqual(
    (await collect(answer.start())).map(({ data }) => data),
    ['w1', 'w2', 'w3', {}],
  );
  assert.deepEqual(sent(), [
    'POST /runs/a%20b',
    'POST /runs/a%20b',
    'GET /runs/a%20b/events',
    'GET /runs/a%20b/events',
  ]);
  assert.deepEqual(ids(), [null, null, '2', '2']);
  assert.deepEqual(
    requests.map(({ body }) => body),
    ['{"q":1}', '{"q":1}', undefined, undefined],
  );
});

test('a start that is cut before its first event is followed', async () => {
  const { run: answer, sent } = run({ start: START, follow: FOLLOW }, stream([], 'fail'), stream(word(1) + DONE));
  assert.equal((await collect(answer.start())).length, 2);
  assert.deepEqual(sent(), ['POST /runs/a%20b', 'GET /runs/a%20b/events']);
});

test('without a follow, the start joins the run with the last id', async () => {
  const { run: answer, sent, ids } = run({ start: START }, refused, stream(word(1), 'fail'), status(500), stream(DONE));
  assert.equal((await collect(answer.start())).length, 2);
  assert.deepEqual(sent(), Array(4).fill('POST /runs/a%20b'));
  assert.deepEqual(ids(), [null, null, '1', '1']);
});

test('follow has the events of the start', async () => {
  const { run: answer, sent, ids } = run({ start: START, follow: FOLLOW }, stream(word(3), 'fail'), stream(DONE));
  assert.deepEqual(
    (await collect(answer.follow({ lastEventId: '2' }))).map(({ data }) => data),
    ['w3', {}],
  );
  assert.deepEqual(sent(), ['GET /runs/a%20b/events', 'GET /runs/a%20b/events']);
  assert.deepEqual(ids(), ['2', '3']);
});

test('a run that is unknown is an error', async () => {
  const { run: answer } = run({ start: START, follow: FOLLOW }, status(404));
  await assert.rejects(collect(answer.follow()), (error) => error instanceof HttpError && error.status === 404);
});

test('stop', async () => {
  const { run: answer, sent } = run({ start: START, stop: STOP }, status(202), status(204), status(404));
  assert.equal(await answer.stop(), undefined);
  assert.equal(await answer.stop(), undefined);
  await assert.rejects(answer.stop(), HttpError);
  assert.deepEqual(sent(), Array(3).fill('POST /runs/a%20b/stop'));
});

test('a route that a run does not have is an error', async () => {
  const { run: answer } = run({ start: START }, status(204));
  assert.throws(() => answer.follow(), /the run has no such route/);
  await assert.rejects(answer.stop(), /the run has no such route/);
});
