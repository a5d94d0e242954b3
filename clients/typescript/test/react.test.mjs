// The hook for React, in Chromium and in React's strict mode, which runs each effect twice.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, page } from './support/browser.mjs';
import { head, serve } from './support/server.mjs';

const LIMIT = { timeout: 120_000 };
const tick = (id, data) => `id: ${id}\nevent: tick\ndata: ${JSON.stringify(data)}\n\n`;
const DONE = 'event: done\ndata\n\n';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

// The open responses, by room.
let streams;
let server;
let tab;
beforeEach(async () => {
  streams = new Map();
  server = await serve((request, response) => {
    if (page(request, response)) return;
    const room = request.url.slice('/log/'.length);
    if (room === 'missing') return response.writeHead(404).end();
    head(response);
    const stream = { response, closed: new Promise((resolve) => response.once('close', resolve)) };
    streams.set(room, [...(streams.get(room) ?? []), stream]);
    response.write(tick(1, `${room}1`));
  });
  tab = await (await browser.newContext()).newPage();
  await tab.goto(`${server.url}/`);
  await tab.evaluate(() => import('/react.mjs'));
});
afterEach(async () => {
  await tab.context().close();
  await server.stop();
});

const show = (props) => tab.evaluate((given) => globalThis.show(given), props);
const shows = (text) => tab.waitForFunction((wanted) => document.querySelector('p')?.textContent === wanted, text);

test('each event is shown once, and the end', LIMIT, async () => {
  await show({ room: 'a', suffix: '' });
  await shows('a1');
  assert.equal(streams.get('a').length, 1);
  streams.get('a')[0].response.write(tick(2, 'a2') + DONE);
  await shows('a1 a2 done over');
});

test('other deps close the stream and begin with the initial state', LIMIT, async () => {
  await show({ room: 'a', suffix: '' });
  await shows('a1');
  await show({ room: 'b', suffix: '' });
  await shows('b1');
  await streams.get('a')[0].closed;
  for (const [room, text] of await tab.evaluate(() => renders)) assert.ok(text === '' || text.startsWith(room), `${room} shows ${text}`);
});

test('the reducer is that of the newest render', LIMIT, async () => {
  await show({ room: 'a', suffix: '' });
  await shows('a1');
  await show({ room: 'a', suffix: '!' });
  streams.get('a')[0].response.write(tick(2, 'a2'));
  await shows('a1 a2!');
  assert.equal(streams.get('a').length, 1);
});

test('an unmounted component closes its stream', LIMIT, async () => {
  await show({ room: 'a', suffix: '' });
  await shows('a1');
  await show(null);
  await streams.get('a')[0].closed;
});

test('an error is shown', LIMIT, async () => {
  await show({ room: 'missing', suffix: '' });
  await shows(' over HttpError 404');
});
