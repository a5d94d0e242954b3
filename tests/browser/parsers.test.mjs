// The promise: any list of texts arrives unchanged through touka and through a parser from another project.
// There are two, neither patched: eventsource-parser, fed with pieces cut at random, and undici's own
// EventSource, fed by a real connection.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { EventSource, fetch } from 'undici';
import { arrives, post, seen } from './support/corpus.mjs';
import { below, chooseSeed, generator, text } from './support/random.mjs';
import { start } from './support/server.mjs';

const LISTS = 500;
const LIMIT = { timeout: 120_000 };
// Without `open` and `error`: EventSource fires events of its own with these names.
const NAMES = [undefined, 'message', 'tick', 'a b', 'a:b', 'größe', '🦀', 'data'];
const END = { event: 'end', data: 'end', id: 'end' };

const seed = chooseSeed();
let fixture;
before(async () => {
  fixture = await start('fixture');
});
after(async () => {
  await fixture?.stop();
});

test('eventsource-parser reads what was sent', LIMIT, async () => {
  await forEachList(generator(seed), async (items, random) => {
    const response = await fetch(`${fixture.url}/echo`, { method: 'POST', body: JSON.stringify(items) });
    assert.equal(response.status, 200);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return parse(bytes, random);
  });
});

test("undici's EventSource reads what was sent", LIMIT, async () => {
  // Another seed than above, so that the second parser sees other lists.
  await forEachList(generator(seed + 1), async (items) => {
    const path = await post(fixture.url, [...items, END]);
    return (await listen(path)).slice(0, -1);
  });
});

// Two deviations of undici from the standard. Both are asserted, so that a version without them is noticed,
// and both are a reason for ids in plain ASCII.

test('undici sends a Latin-1 id back in that encoding, which touka ignores', LIMIT, async () => {
  // Standard: `Last-Event-ID` is the id as UTF-8. undici writes header values as Latin-1, so the bytes are
  // not UTF-8, and `LastEventId` is None: the client starts anew, which is safe.
  const path = await post(fixture.url, [{ retry: 20 }, { event: 'end', data: '', id: 'é7' }]);
  const events = await listen(path, 2);
  assert.equal(events[0].id, 'é7');
  assert.deepEqual((await seen(fixture.url, path)).slice(0, 2), [null, null]);
});

test('undici never reconnects once it has an id beyond Latin-1', LIMIT, async () => {
  // Standard: as above. undici's header cannot hold the id, so each attempt to reconnect fails before it is
  // sent: `error` after `error`, and no request.
  const path = await post(fixture.url, [{ retry: 20 }, { event: 'end', data: '', id: '…7' }]);
  const source = new EventSource(`${fixture.url}${path}`);
  let errors = 0;
  await new Promise((resolve) => {
    source.addEventListener('error', () => {
      errors += 1;
      if (errors === 5) resolve();
    });
  });
  source.close();
  assert.deepEqual(await seen(fixture.url, path), [null]);
});

async function forEachList(random, readBack) {
  for (let number = 0; number < LISTS; number += 1) {
    const items = Array.from({ length: below(random, 20) + 1 }, (_, index) => ({
      data: text(random),
      id: String(index),
      event: NAMES[below(random, NAMES.length)],
    }));
    const expected = items.map(({ data, id, event }) => ({ type: event ?? 'message', data: arrives(data), id }));
    try {
      assert.deepEqual(await readBack(items, random), expected);
    } catch (error) {
      const again = `SEED=${seed} node --test parsers.test.mjs`;
      throw new Error(`list ${number}: ${JSON.stringify(items)}\nthe same again: ${again}`, { cause: error });
    }
  }
}

// Feeds the bytes in random pieces. They are cut before they are decoded, as the network would do.
function parse(bytes, random) {
  const events = [];
  const problems = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => events.push({ type: event ?? 'message', data, id }),
    onError: (error) => problems.push(error),
  });
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(random, random() < 0.5 ? 4 : 200);
    parser.feed(decoder.decode(bytes.subarray(at, end), { stream: true }));
    at = end;
  }
  parser.feed(decoder.decode());
  assert.deepEqual(problems, []);
  return events;
}

// Reads with undici's EventSource until `end` events have arrived the given number of times.
function listen(path, ends = 1) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`${fixture.url}${path}`);
    const events = [];
    let left = ends;
    const record = ({ type, data, lastEventId: id }) => {
      events.push({ type, data, id });
      if (type === 'end') left -= 1;
      if (left > 0) return;
      source.close();
      resolve(events);
    };
    for (const name of new Set(['message', 'end', ...NAMES.filter(Boolean)])) source.addEventListener(name, record);
    source.addEventListener('error', () => {
      // A lost connection is part of reading twice; otherwise it is a failure.
      if (ends > 1) return;
      source.close();
      reject(new Error('undici lost the stream'));
    });
  });
}
