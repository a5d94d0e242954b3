// The parser against the examples and rules of the HTML standard, cut into two pieces at each byte, and into
// single bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamParser } from '../dist/runtime.mjs';

const encoder = new TextEncoder();

// An event as the cases below write it, without the fields that have their default.
function short({ event, data, id }) {
  return { ...(event !== 'message' && { event }), data, ...(id && { id }) };
}

function parse(pieces, id = '') {
  const parser = new StreamParser(id);
  const blocks = pieces.flatMap((piece) => parser.feed(piece));
  return {
    events: blocks.filter(({ data }) => data !== undefined).map(short),
    id: blocks.at(-1)?.id ?? id,
    retry: parser.retry,
  };
}

// Each way to cut the bytes once, and the cut into single bytes.
function* cuts(bytes) {
  yield [bytes];
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  // An empty piece changes nothing.
  yield Array.from(bytes, (byte) => [Uint8Array.of(byte), new Uint8Array()]).flat();
}

const BOM = '\uFEFF';
const CASES = [
  // The examples of the standard.
  ['three lines of data', 'data: YHOO\ndata: +2\ndata: 10\n\n', [{ data: 'YHOO\n+2\n10' }]],
  [
    'ids, and an event that is never ended',
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata: lost',
    [{ data: 'first event', id: '1' }, { data: 'second event' }, { data: ' third event' }],
  ],
  ['empty data', 'data\n\ndata\ndata\n\ndata:', [{ data: '' }, { data: '\n' }]],
  ['the space after the colon', 'data:test\n\ndata: test\n\n', [{ data: 'test' }, { data: 'test' }]],
  [
    'event names',
    'event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent:\ndata: 1\n\n',
    [{ event: 'add', data: '73857293' }, { event: 'remove', data: '2153' }, { data: '1' }],
  ],
  // Line ends.
  ['LF', 'data: a\ndata: b\n\n', [{ data: 'a\nb' }]],
  ['CR', 'data: a\rdata: b\r\rdata: c\r\r', [{ data: 'a\nb' }, { data: 'c' }]],
  ['CRLF', 'data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n', [{ data: 'a\nb' }, { data: 'c' }]],
  [
    'mixed line ends',
    'data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\rdata: e\r\r\n',
    [{ data: 'a' }, { data: 'b' }, { data: 'c' }, { data: 'd' }, { data: 'e' }],
  ],
  ['other separators are data', 'data: a\u2028b\u0085c\u000bd\u000ce\n\n', [{ data: 'a\u2028b\u0085c\u000bd\u000ce' }]],
  // The byte order mark.
  ['one BOM is removed', `${BOM}data: a\n\n`, [{ data: 'a' }]],
  ['a second BOM is part of the name', `${BOM}${BOM}data: a\n\ndata: b\n\n`, [{ data: 'b' }]],
  ['a later BOM is data', `data: ${BOM}a\n\n${BOM}data: b\n\n`, [{ data: `${BOM}a` }]],
  ['a BOM alone', `${BOM}\ndata: a\n\n`, [{ data: 'a' }]],
  // Fields.
  ['only one space is removed', 'data:  a\n\ndata:\ta\n\ndata: \n\n', [{ data: ' a' }, { data: '\ta' }, { data: '' }]],
  ['names are exact', 'Data: a\ndata : b\n data: c\ndatax: d\nda: e\ndata: f\n\n', [{ data: 'f' }]],
  ['colons in values', 'data:: a: b\n\n', [{ data: ': a: b' }]],
  ['comments', ':\n: data: a\n:data: b\ndata: c\n:\n\n:\n\n', [{ data: 'c' }]],
  ['NUL is data', 'data: a\0b\n\n', [{ data: 'a\0b' }]],
  [
    'the newest name counts',
    'event: a\nevent: b\ndata: c\n\nevent: a\nevent\ndata: d\n\n',
    [{ event: 'b', data: 'c' }, { data: 'd' }],
  ],
  ['a name without data is dropped', 'event: a\n\ndata: b\n\n', [{ data: 'b' }]],
  ['multi-byte characters', 'event: größe\ndata: 🦀…é\nid: 日\n\n', [{ event: 'größe', data: '🦀…é', id: '日' }]],
  // Ids.
  [
    'an id stays',
    'id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n',
    [
      { data: 'a', id: '1' },
      { data: 'b', id: '1' },
      { data: 'c', id: '2' },
    ],
  ],
  [
    'an id with NUL is ignored',
    'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n',
    [
      { data: 'a', id: '1' },
      { data: 'b', id: '1' },
    ],
  ],
  ['an empty id resets', 'id: 1\ndata: a\n\nid:\ndata: b\n\n', [{ data: 'a', id: '1' }, { data: 'b' }]],
  ['a block of an id alone', 'id: 1\n\n', [], { id: '1' }],
  ['an id without the blank line', 'id: 1\ndata: a\n\nid: 2\ndata: b\n', [{ data: 'a', id: '1' }], { id: '1' }],
  // Reconnection times.
  ['retry', 'retry: 2871\n', [], { retry: 2871 }],
  ['retry in decimal', 'retry: 03000\n', [], { retry: 3000 }],
  [
    'retry of other than digits',
    'retry: 1000x\nretry: -1\nretry: 1.5\nretry:\nretry\nretry: 1e3\nretry: 0x1\nretry: ١\nretry:  5\n',
    [],
  ],
  ['the newest valid retry', 'retry: 1\nretry: 2\nretry: x\n', [], { retry: 2 }],
];

for (const [name, text, events, { id, retry } = {}] of CASES) {
  test(name, () => {
    const expected = { events, id: id ?? events.at(-1)?.id ?? '', retry };
    for (const pieces of cuts(encoder.encode(text))) assert.deepEqual(parse(pieces), expected);
  });
}

test('bytes that are not UTF-8 become U+FFFD', () => {
  const bytes = Uint8Array.of(...encoder.encode('data: a'), 0xff, 0xc3, ...encoder.encode('b\n\n'));
  for (const pieces of cuts(bytes)) assert.deepEqual(parse(pieces).events, [{ data: 'a\uFFFD\uFFFDb' }]);
});

test('the id of the last connection stays', () => {
  assert.deepEqual(parse([encoder.encode('data: a\n\n')], '7').events, [{ data: 'a', id: '7' }]);
});

test('a CR at the end of a piece ends the line at once', () => {
  const parser = new StreamParser('');
  assert.equal(parser.feed(encoder.encode('data: a\r\r')).length, 1);
  assert.equal(parser.feed(encoder.encode('\n')).length, 0);
  assert.equal(parser.feed(encoder.encode('\n')).length, 1);
});

test('a line in many pieces takes linear time', { timeout: 60_000 }, () => {
  const parser = new StreamParser('');
  const piece = encoder.encode('x'.repeat(64));
  parser.feed(encoder.encode('data: '));
  for (let left = 200_000; left > 0; left -= 1) parser.feed(piece);
  assert.equal(parser.feed(encoder.encode('\n\n'))[0].data.length, 200_000 * 64);
});
