// The events of one stream: which are delivered, and which id is resumed and noted.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { DataError, GapError } from '../dist/runtime.mjs';
import { collect, refused, settle, status, stream } from './support/fake.mjs';
import { DONE, GAP, RAW, ROUTE, ids, memory, open, tick } from './support/ticks.mjs';

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
