// The promise: the dashboard shows live figures, shows when it has lost its server, and reconnects by itself,
// after a clean stop and after a crash.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { freePort, start } from './support/server.mjs';

const PATIENCE = { timeout: 60_000 };
const CHARTS = ['cpu', 'memory', 'load', 'network'];

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

test('the page updates, loses its server twice, and reconnects by itself', { timeout: 300_000 }, async (t) => {
  const port = await freePort();
  let server = await start('dashboard', port);
  t.after(() => server.stop('SIGKILL'));

  const page = await (await browser.newContext()).newPage();
  const requests = [];
  const complaints = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });

  await page.goto(server.url, PATIENCE);
  await status(page, 'live');
  await valuesChange(page);
  await valuesChange(page);
  assert.deepEqual(complaints, [], 'the browser complained while the server was well');

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const ended = await server.stop(signal);
    if (signal === 'SIGTERM') assert.deepEqual(ended, { code: 0, signal: null }, 'the stop was not clean');
    await status(page, 'reconnecting');
    server = await start('dashboard', port);
    // No input from here on: the page reconnects by itself.
    await status(page, 'live');
    await valuesChange(page);
    await valuesChange(page);
  }

  // A browser logs each lost connection. Any other message is a fault of the page.
  const unexpected = complaints.filter((text) => !text.startsWith('Failed to load resource: net::ERR_'));
  assert.deepEqual(unexpected, []);
  assert.ok(requests.length >= 4, `the page and a stream after each start: ${requests}`);
  const foreign = requests.filter((url) => !url.startsWith(`${server.url}/`) && !/^(data|blob):/.test(url));
  assert.deepEqual(foreign, [], 'the page must need nobody but its server');
});

function status(page, state) {
  return page.locator(`#status[data-state="${state}"]`).waitFor({ state: 'attached', ...PATIENCE });
}

// Waits until the last event's id and at least one figure have changed.
async function valuesChange(page) {
  const old = await page.evaluate(read, CHARTS);
  await page.waitForFunction(
    ({ charts, old }) => {
      const id = document.body.dataset.id;
      const changed = charts.some((chart) => document.getElementById(chart).textContent !== old.texts[chart]);
      return Boolean(id) && id !== old.id && changed;
    },
    { charts: CHARTS, old },
    PATIENCE,
  );
}

// Runs in the page.
function read(charts) {
  const texts = charts.map((chart) => [chart, document.getElementById(chart).textContent]);
  return { id: document.body.dataset.id, texts: Object.fromEntries(texts) };
}
