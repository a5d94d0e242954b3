// The rules that make the concatenation of the files a valid module.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as runtime from '../dist/runtime.mjs';

const source = new URL('../src/', import.meta.url);
const order = (await readFile(new URL('order.txt', source), 'utf8')).trim().split('\n');
const texts = new Map(await Promise.all(order.map(async (name) => [name, await readFile(new URL(name, source), 'utf8')])));

test('the order has each file once', async () => {
  const files = (await readdir(source)).filter((name) => name.endsWith('.ts'));
  assert.deepEqual([...order].sort(), files.sort());
});

test('each file imports from earlier ones, in one line each', () => {
  for (const [index, name] of order.entries()) {
    for (const line of texts.get(name).split('\n').filter((text) => /^\s*import\b/.test(text))) {
      const [, from] = /^import \{ .+ \} from '\.\/(.+)';$/.exec(line) ?? assert.fail(`${name}: ${line}`);
      assert.ok(order.indexOf(from) >= 0 && order.indexOf(from) < index, `${name} imports ${from}`);
    }
  }
});

test('there are no default exports and no exports of other names', () => {
  for (const [name, text] of texts) assert.doesNotMatch(text, /^export (default|\{|\*)/m, name);
});

test('each file has at most 350 lines', () => {
  for (const [name, text] of texts) assert.ok(text.split('\n').length <= 350, name);
});

test('the names that generated clients use', () => {
  for (const name of ['Client', 'EventStream', 'HttpError', 'ContentTypeError', 'DataError', 'GapError', 'CutError']) {
    assert.equal(typeof runtime[name], 'function', name);
  }
});
