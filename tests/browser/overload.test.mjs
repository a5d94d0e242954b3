// The promise: an EventSource that a busy server refuses reconnects, on a page of another origin too. Only a
// browser shows what makes an EventSource stop for ever.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { start } from './support/server.mjs';

let browser;
let home;
let busy;
before(async () => {
  // The page is from one server, its stream from another, which serves one request at a time.
  [browser, home, busy] = await Promise.all([launch(), start('fixture'), start('fixture', 0, '1')]);
});
after(async () => {
  await browser?.close();
  await Promise.all([home?.stop('SIGKILL'), busy?.stop('SIGKILL')]);
});

test('an EventSource of another origin reconnects after an overload', { timeout: 120_000 }, async () => {
  const leave = new AbortController();
  const held = await fetch(`${busy.url}/endless`, { signal: leave.signal });
  assert.equal(held.status, 200);
  const page = await browser.newPage();
  await page.goto(home.url);
  await page.evaluate((url) => {
    window.states = [];
    const source = new EventSource(url);
    source.onerror = () => window.states.push(source.readyState);
    source.onmessage = ({ data }) => window.states.push(data);
  }, `${busy.url}/foreign`);
  await page.waitForFunction(() => window.states.length > 0);
  assert.deepEqual(await page.evaluate(() => window.states), [0], 'it waits to connect again');
  leave.abort();
  await held.text().catch(() => {});
  await page.waitForFunction(() => window.states.includes('here'), null, { timeout: 60_000 });
});
