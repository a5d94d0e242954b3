// The requests of a stream: what an answer with another status or type means, headers, and POST.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, ContentTypeError, CutError, HttpError } from '../dist/runtime.mjs';
import { body, collect, fakeFetch, refused, status, stream } from './support/fake.mjs';
import { DONE, GAP, ROUTE, ids, open, tick } from './support/ticks.mjs';

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
