// URLs, bodies and plain requests.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, test } from 'node:test';
import { Client, HttpError } from '../dist/runtime.mjs';
import { fakeFetch, settle, silent, status } from './support/fake.mjs';
import { serve } from './support/server.mjs';

let echo;
before(async () => {
  echo = await serve(({ method, url, headers }, response, body) =>
    response.end(JSON.stringify({ method, url, body, type: headers['content-type'] })),
  );
});
after(() => echo.stop());

const send = (route, params = {}, options) =>
  new Client({ baseUrl: echo.url }).call({ method: 'GET', answer: 'json', ...route }, params, options);
const url = async (path, params, query) => (await send({ path, query }, params)).url;

test('captures are percent-encoded', async () => {
  assert.equal(
    await url('/rooms/{room}/x', { room: 'a b/c?d#e%f;é🦀' }),
    '/rooms/a%20b%2Fc%3Fd%23e%25f%3B%C3%A9%F0%9F%A6%80/x',
  );
  assert.equal(await url('/{a}.{b}', { a: 7, b: true }), '/7.true');
  assert.equal(await url('/%7Bx%7D/{a}', { a: '{b}' }), '/%7Bx%7D/%7Bb%7D');
});

test('each segment of a rest is encoded for itself', async () => {
  assert.equal(await url('/files/{*rest}', { rest: 'a b/c?/d//e' }), '/files/a%20b/c%3F/d//e');
});

for (const [path, params] of [
  ['/a/{x}', { x: '.' }],
  ['/a/{x}/b', { x: '..' }],
  ['/{*x}', { x: 'a/../b' }],
  ['/{*x}', { x: 'a/.' }],
  ['/{a}{b}', { a: '.', b: '.' }],
]) {
  test(`${path} with ${JSON.stringify(params)} is refused`, async () => {
    await assert.rejects(url(path, params), /"\." and "\.\." cannot be segments/);
  });
}

test('dots within a segment are sent', async () => {
  assert.equal(await url('/{a}/{b}', { a: '...', b: '.x' }), '/.../.x');
  // This is no dot segment: the percent sign is encoded.
  assert.equal(await url('/{a}', { a: '%2e' }), '/%252e');
});

for (const params of [{}, { room: undefined }, { room: null }, { room: '' }]) {
  test(`a capture of ${JSON.stringify(params)} is refused`, async () => {
    await assert.rejects(url('/rooms/{room}', params), /the parameter "room" of \/rooms\/{room} is missing/);
  });
}

test('queries', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'lastEventId'];
  assert.equal(await url('/q', {}, names), '/q');
  assert.equal(
    await url('/q', { a: 'x y&z', b: [1, 2n], c: undefined, d: [], e: false, lastEventId: null, other: 1 }, names),
    '/q?a=x+y%26z&b=1&b=2&e=false',
  );
});

test('the base may end with a slash and have a path', async () => {
  const client = new Client({ baseUrl: `${echo.url}/api/` });
  assert.equal((await client.call({ method: 'GET', path: '/x', answer: 'json' }, {})).url, '/api/x');
});

for (const [name, baseUrl, method] of [
  ['a URL without an origin', '', 'GET'],
  ['a URL with a password', 'http://user:password@127.0.0.1:9', 'GET'],
  ['a method that fetch forbids', 'http://127.0.0.1:9', 'TRACE'],
]) {
  test(`${name} is an error, not a lost connection`, async () => {
    const onRetry = () => {
      throw new Error('lost');
    };
    const events = new Client({ baseUrl }).stream({ method, path: '/x' }, {}, { onRetry, repeat: true });
    await assert.rejects(events[Symbol.asyncIterator]().next(), TypeError);
  });
}

for (const [kind, body, sent, type] of [
  ['json', { a: [1] }, '{"a":[1]}', 'application/json'],
  ['json', null, 'null', 'application/json'],
  ['json', undefined, '', undefined],
  ['text', 'é', 'é', 'text/plain;charset=UTF-8'],
  ['form', { a: 'x y', b: 1 }, 'a=x+y&b=1', 'application/x-www-form-urlencoded;charset=UTF-8'],
  ['form', new URLSearchParams('a=1&a=2'), 'a=1&a=2', 'application/x-www-form-urlencoded;charset=UTF-8'],
  ['bytes', new TextEncoder().encode('abc'), 'abc', 'application/octet-stream'],
  ['bytes', new Blob(['abc'], { type: 'image/png' }), 'abc', 'image/png'],
]) {
  test(`a body of ${kind}: ${JSON.stringify(body)}`, async () => {
    const seen = await send({ method: 'POST', path: '/b', body: kind }, { body });
    assert.deepEqual([seen.method, seen.body, seen.type], ['POST', sent, type]);
  });
}

test('a body beside a capture of its name has another name', async () => {
  const route = { method: 'POST', path: '/b/{body}', body: 'text', bodyName: 'body2' };
  const seen = await send(route, { body: 7, body2: 'text' });
  assert.deepEqual([seen.url, seen.body], ['/b/7', 'text']);
});

test('a form of several parts', async () => {
  const body = new FormData();
  body.append('a', new Blob(['abc']), 'a.txt');
  const seen = await send({ method: 'POST', path: '/b', body: 'form' }, { body });
  assert.match(seen.type, /^multipart\/form-data; boundary=/);
  assert.match(seen.body, /filename="a.txt"/);
});

test('a content type of the user counts', async () => {
  const seen = await send(
    { method: 'POST', path: '/b', body: 'text' },
    { body: '{}' },
    { headers: { 'Content-Type': 'application/json' } },
  );
  assert.equal(seen.type, 'application/json');
});

test('answers', async () => {
  const call = (answer, ...answers) =>
    new Client({ baseUrl: 'http://x', fetch: fakeFetch(...answers).fetch }).call(
      { method: 'GET', path: '/', answer },
      {},
    );
  const text = status(201, {}, '{"a":1}');
  assert.deepEqual(await call('json', text), { a: 1 });
  assert.equal(await call('text', text), '{"a":1}');
  assert.equal(await call('none', text), undefined);
  assert.equal((await call(undefined, text)).status, 201);
  assert.equal(await call('text', status(200, {}, '')), '');
  await assert.rejects(call('json', status(200, {}, '{')), SyntaxError);
  await assert.rejects(
    call('json', status(404, { 'content-type': 'application/json' }, '{"a":1}')),
    (error) => error instanceof HttpError && error.problem.a === 1,
  );
});

test('a plain request has new headers after a 401, once', async () => {
  let made = 0;
  const { fetch, requests } = fakeFetch(status(401, {}, 'a'), status(200, {}, '1'), status(401, {}, 'b'));
  const client = new Client({ baseUrl: 'http://x', fetch, headers: async () => ({ a: `${++made}` }) });
  assert.equal(await client.call({ method: 'POST', path: '/', answer: 'json' }, {}), 1);
  await assert.rejects(
    client.call({ method: 'POST', path: '/', answer: 'json' }, {}),
    (error) => error.status === 401 && error.body === 'b',
  );
  assert.deepEqual(
    requests.map(({ headers }) => headers.get('a')),
    ['1', '2', '3', '4'],
  );
});

test('a signal that is aborted already sends no plain request', async () => {
  const { fetch, requests } = fakeFetch(status(200));
  const client = new Client({ baseUrl: 'http://x', fetch });
  const result = client.call({ method: 'POST', path: '/' }, {}, { signal: AbortSignal.abort() });
  await assert.rejects(result, { name: 'AbortError' });
  assert.equal(requests.length, 0);
});

for (const [name, answer, headers] of [
  ['before the response', silent],
  ['before the response of a fetch without signals', () => new Promise(() => {})],
  ['in the headers', status(200), () => new Promise(() => {})],
  ['in the body', () => new Response(new ReadableStream({}))],
  ['in the body of an error', () => new Response(new ReadableStream({}), { status: 404 })],
]) {
  test(`an abort ${name} rejects a plain request`, async () => {
    const abort = new AbortController();
    const { fetch } = fakeFetch(answer);
    const result = new Client({ baseUrl: 'http://x', fetch }).call(
      { method: 'GET', path: '/', answer: 'text' },
      {},
      { headers, signal: abort.signal },
    );
    await settle();
    abort.abort();
    await assert.rejects(result, { name: 'AbortError' });
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  });
}

test('a body that nobody reads may fail', async () => {
  const unhandled = [];
  const note = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const failed = (code) => () =>
    new Response(new ReadableStream({ start: (controller) => controller.error(new Error('reset')) }), { status: code });
  const { fetch, requests } = fakeFetch(failed(401), failed(200));
  const client = new Client({ baseUrl: 'http://x', fetch, headers: () => ({}) });
  assert.equal(await client.call({ method: 'GET', path: '/', answer: 'none' }, {}), undefined);
  await settle();
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
  assert.equal(requests.length, 2);
});
