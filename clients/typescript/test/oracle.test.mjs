// The parser beside npm's eventsource-parser, which has other authors: random streams, cut at random.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { StreamParser } from '../dist/runtime.mjs';
import { below, chooseSeed, generator, text } from '../../../tests/browser/support/random.mjs';

const STREAMS = 3000;
const NAMES = ['data', 'data', 'data', 'event', 'id', 'retry', '', 'Data', 'datas', 'dat'];
const COLONS = [':', ': ', ':  ', ''];
const ENDS = ['\n', '\n', '\r\n', '\r', '\n\n', '\r\r', '\r\n\r\n', '\n\r'];
const NUMBERS = ['1', '0250', '3000', '1x', '-1', ''];

function stream(random) {
  // eventsource-parser also removes a mark that was decoded as Latin-1. A line before it avoids that.
  let made = random() < 0.2 ? '\uFEFF:\n' : ':\n';
  for (let left = below(random, 30); left > 0; left -= 1) {
    const name = NAMES[below(random, NAMES.length)];
    const value = name === 'retry' ? NUMBERS[below(random, NUMBERS.length)] : text(random);
    made += name + COLONS[below(random, COLONS.length)] + value + ENDS[below(random, ENDS.length)];
  }
  return made;
}

function oracle(whole) {
  const seen = { events: [], retry: undefined };
  let id = '';
  const parser = createParser({
    onId: (value) => {
      id = value;
    },
    onEvent: ({ event, data }) => seen.events.push({ event: event ?? 'message', data, id }),
    onRetry: (value) => {
      seen.retry = value;
    },
  });
  parser.feed(whole);
  return { ...seen, id };
}

function ours(bytes, random) {
  const parser = new StreamParser('');
  const blocks = [];
  const longest = random() < 0.5 ? 4 : 60;
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + below(random, longest);
    blocks.push(...parser.feed(bytes.subarray(at, end)));
    at = end;
  }
  return { events: blocks.filter(({ data }) => data !== undefined), retry: parser.retry, id: blocks.at(-1)?.id ?? '' };
}

test('eventsource-parser reads the same', () => {
  const seed = chooseSeed();
  const random = generator(seed);
  for (let number = 0; number < STREAMS; number += 1) {
    const whole = stream(random);
    assert.deepEqual(
      ours(new TextEncoder().encode(whole), random),
      oracle(whole),
      `stream ${number}: ${JSON.stringify(whole)}; the same again: SEED=${seed} node --test test/oracle.test.mjs`,
    );
  }
});
