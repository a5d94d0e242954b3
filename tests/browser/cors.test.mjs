// The promise: a page of another origin can read streams, and errors too, if a CORS layer allows it. Tested
// with a real browser, because only the browser decides what the headers allow.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { start } from './support/server.mjs';

const PATIENCE = { timeout: 60_000 };

let browser;
let server;
before(async () => {
  browser = await launch();
  server = await start('cors');
});
after(async () => {
  await browser?.close();
  await server?.stop('SIGKILL');
});

async function open(url) {
  const page = await (await browser.newContext()).newPage();
  const requests = [];
  page.on('request', (request) => requests.push({ method: request.method(), url: request.url() }));
  await page.goto(url, PATIENCE);
  return { page, requests };
}

function state(page, id, state) {
  return page.locator(`#${id}[data-state="${state}"]`).waitFor({ state: 'attached', ...PATIENCE });
}

function says(page, id, text) {
  return page.locator(`#${id}`).filter({ hasText: text }).waitFor({ state: 'attached', ...PATIENCE });
}

test('a stream of another origin is read by an EventSource', { timeout: 300_000 }, async () => {
  const { page, requests } = await open(server.url);
  await state(page, 'count-status', 'live');
  await says(page, 'count', '2');
  const { url } = requests.find((request) => request.url.endsWith('/count'));
  assert.notEqual(new URL(url).origin, new URL(server.url).origin, 'nothing was asked of another origin');
});

test('a stream with a token is read by fetch, and so is a 401', { timeout: 300_000 }, async () => {
  const { page } = await open(server.url);
  await page.click('#without');
  await says(page, 'secret-status', 'Refused: 401');
  await page.click('#with');
  await state(page, 'secret-status', 'live');
  await says(page, 'secret', 'cake');
});

test('a page of an origin that is not allowed reads nothing', { timeout: 300_000 }, async () => {
  const { page, requests } = await open(server.url);
  await state(page, 'count-status', 'live');
  const { url } = requests.find((request) => request.url.endsWith('/count'));
  // The origin of an empty page is `null`.
  const foreign = await (await browser.newContext()).newPage();
  const closed = await foreign.evaluate(
    (url) =>
      new Promise((resolve) => {
        const source = new EventSource(url);
        source.onopen = () => resolve('opened');
        source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? 'refused' : 'lost');
      }),
    url,
  );
  assert.equal(closed, 'refused');
});
