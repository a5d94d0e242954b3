// The promise: a real browser's EventSource hands exactly the emitted events to the page, and what the
// browser sends when it reconnects is what the handler reads.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { arrives, post, seen } from './support/corpus.mjs';
import { start } from './support/server.mjs';

let browser;
let fixture;
let page;
before(async () => {
  [browser, fixture] = await Promise.all([launch(), start('fixture')]);
  page = await browser.newPage();
  await page.goto(fixture.url);
});
after(async () => {
  await browser?.close();
  await fixture?.stop();
});

const LIMIT = { timeout: 60_000 };

test('every text arrives intact', LIMIT, async () => {
  const texts = [
    'plain', ' world', '  x', '\tx', 'x ', ' ', '', '\n', '\n\n', 'a\n', '\na', '\n\na\n\n', 'a\nb\nc',
    'a\rb', 'a\r\nb', '\r', '\r\n', '\n\r', '\r\r\n\n', 'a\r',
    'a\0b', '\0', '\uFEFFx', 'x\uFEFF', '\uFEFF', '\uFEFF\n\uFEFFdata: x', 'a\u2028b\u2029c\u0085d\u000be\u000cf',
    '👩‍👩‍👧‍👦 🦀', 'größer → …', ':', ': x', 'data: x', 'data', 'id: 9\n\nevent: x\ndata: forged', 'retry: 1',
    'x'.repeat(100_000), '🦀\r'.repeat(20_000),
  ];
  const path = await post(fixture.url, [...texts.map((data) => ({ data })), { event: 'end', data: 'end' }]);
  const events = await listen(page, path, { names: ['end'], until: 'end' });
  const got = messages(events).map(({ data }) => data);
  for (const [index, text] of texts.entries()) {
    assert.equal(got[index], arrives(text), `text ${index}: ${JSON.stringify(text.slice(0, 60))}`);
  }
  assert.equal(got.length, texts.length + 1);
});

test('names reach their listeners and no others', LIMIT, async () => {
  const names = ['tick', 'a b', 'a:b', ':a', 'größe', 'Tick', 'message', '🦀', 'x'.repeat(1000)];
  const path = await post(fixture.url, [
    ...names.map((event) => ({ event, data: event })),
    { data: 'none' },
    { comment: 'a comment\rdata: forged\n\ndata: forged' },
    { event: 'tick', comment: 'a name without data' },
    { event: 'end', data: 'end' },
  ]);
  const events = await listen(page, path, { names: [...names, 'end'], until: 'end' });
  const got = messages(events).map(({ type, data }) => [type, data]);
  assert.deepEqual(got, [...names.map((name) => [name, name]), ['message', 'none'], ['end', 'end']]);
});

test('an id arrives, stays, and may be any text that a header can carry', LIMIT, async () => {
  const path = await post(fixture.url, [
    { data: 'none yet' },
    { data: 'a', id: '1' },
    { data: 'stays' },
    { id: 'checkpoint' },
    { data: 'after a checkpoint' },
    { data: 'utf-8', id: '…7' },
    { data: 'zeros', id: '007' },
    { data: 'spaces within', id: 'a b: c' },
    { data: 'end', id: 'x'.repeat(256), event: 'end' },
  ]);
  const events = await listen(page, path, { names: ['end'], until: 'end' });
  assert.deepEqual(
    messages(events).map(({ data, id }) => [data, id]),
    [
      ['none yet', ''],
      ['a', '1'],
      ['stays', '1'],
      ['after a checkpoint', 'checkpoint'],
      ['utf-8', '…7'],
      ['zeros', '007'],
      ['spaces within', 'a b: c'],
      ['end', 'x'.repeat(256)],
    ],
  );
});

for (const id of ['7', '…7', 'a b', 'x'.repeat(256)]) {
  test(`a finite stream is requested again with Last-Event-ID ${id.slice(0, 8)}`, LIMIT, async () => {
    const path = await post(fixture.url, [{ retry: 20 }, { data: 'a', id }]);
    const events = await listen(page, path, { opens: 3 });
    assert.deepEqual(events.map(({ type }) => type), ['open', 'message', 'error', 'open', 'message', 'error', 'open']);
    assert.deepEqual((await seen(fixture.url, path)).slice(0, 3), [null, id, id]);
  });
}

test('a stream without ids is requested again without Last-Event-ID', LIMIT, async () => {
  const path = await post(fixture.url, [{ retry: 20 }, { data: 'a' }]);
  await listen(page, path, { opens: 2 });
  assert.deepEqual((await seen(fixture.url, path)).slice(0, 2), [null, null]);
});

test('a block with only an id moves the last event id and fires nothing', LIMIT, async () => {
  const path = await post(fixture.url, [{ retry: 20 }, { data: 'a', id: '1' }, { id: '2' }]);
  const events = await listen(page, path, { opens: 2 });
  assert.deepEqual(
    events.map(({ type, data, id }) => [type, data, id]),
    [['open'], ['message', 'a', '1'], ['error'], ['open']].map(([type, data, id]) => [type, data, id]),
  );
  assert.deepEqual((await seen(fixture.url, path)).slice(0, 2), [null, '2']);
});

test('the browser waits as long as retry says before it reconnects', LIMIT, async () => {
  // Chromium waits 3 s by default. So a longer wait proves that `retry` was obeyed, and so does a shorter
  // one; the minimum of several, since a busy machine only adds to it.
  const long = await post(fixture.url, [{ retry: 3500 }, { data: 'a' }]);
  const short = await post(fixture.url, [{ retry: 200 }, { data: 'a' }]);
  const [longWaits, shortWaits] = await Promise.all([
    listen(page, long, { opens: 2 }).then(waits),
    listen(page, short, { opens: 4 }).then(waits),
  ]);
  // A timer may be a few milliseconds early, as clocks are rounded.
  assert.ok(Math.min(...longWaits) >= 3490, `waited ${longWaits} ms for retry: 3500`);
  assert.ok(Math.min(...shortWaits) >= 190, `waited ${shortWaits} ms for retry: 200`);
  assert.ok(Math.min(...shortWaits) < 2500, `waited ${shortWaits} ms for retry: 200`);
});

test('events of an open stream arrive while it is open', LIMIT, async () => {
  const events = await listen(page, '/wire', { names: ['tick'], count: 6 });
  assert.deepEqual(
    messages(events).map(({ type, data, id }) => [type, data, id]),
    [
      ['message', 'hello', ''],
      ['message', ' world', ''],
      ['message', 'two\nlines', ''],
      ['tick', 'named', '7'],
      ['message', 'the id of before stays', '7'],
      ['message', 'after a checkpoint', '…8'],
    ],
  );
  assert.deepEqual(events[0].type, 'open');
});

test('a missing path stops an EventSource for good', LIMIT, async () => {
  const events = await listen(page, '/corpus/999999', { closed: true });
  assert.deepEqual(events.map(({ type }) => type), ['error']);
});

function messages(events) {
  return events.filter(({ type }) => type !== 'open' && type !== 'error');
}

// The time between each end and the next beginning.
function waits(events) {
  const found = [];
  for (const [index, event] of events.entries()) {
    if (event.type === 'open' && index > 0) found.push(event.at - events[index - 1].at);
  }
  return found;
}

// Opens an EventSource in the page and records everything it fires, until an event named `until`, or `count`
// events, or `opens` openings, or, with `closed`, until it has stopped for good.
function listen(page, path, options) {
  return page.evaluate(
    ({ path, names = [], until, count, opens, closed }) =>
      new Promise((resolve) => {
        const source = new EventSource(path);
        const events = [];
        let left = count;
        let unopened = opens;
        const record = (event) => {
          const { type, data, lastEventId: id } = event;
          events.push({ type, data, id, at: performance.now() });
          const fired = event instanceof MessageEvent;
          if (fired) left -= 1;
          if (type === 'open') unopened -= 1;
          const gaveUp = closed && source.readyState === EventSource.CLOSED;
          if (type === until || left === 0 || unopened === 0 || gaveUp) {
            source.close();
            resolve(events);
          }
        };
        for (const name of new Set(['open', 'error', 'message', ...names])) source.addEventListener(name, record);
      }),
    { path, ...options },
  );
}
