// The example `cluster` in a browser: the page continues on the other node when its node is killed, and when Redis
// was killed, and misses nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { startCluster } from './support/cluster.mjs';

const PATIENCE = { timeout: 60_000, polling: 50 };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('the page misses nothing while nodes and Redis are killed', { timeout: 300_000 }, async (t) => {
  const cluster = await startCluster();
  t.after(() => cluster.stop('SIGTERM'));
  const page = await browser.newPage();
  await page.goto(cluster.url);
  await serving(page, ['a', 'b']);

  for (let kill = 0; kill < 3; kill += 1) {
    const node = await page.textContent('#node');
    const { reconnections } = await counts(page);
    await page.click('#many');
    await cluster.kill(node);
    await serving(page, [node === 'a' ? 'b' : 'a']);
    assert.equal((await counts(page)).reconnections, reconnections + 1);
    await grows(page, 5);
    await cluster.restarted(node);
  }

  const before = await counts(page);
  await cluster.kill('Redis');
  await cluster.restarted('Redis');
  await grows(page, 5);
  assert.equal((await counts(page)).reconnections, before.reconnections, 'the stream was closed');

  await page.fill('#text', 'one by hand');
  await page.press('#text', 'Enter');
  await page.getByText('one by hand').waitFor(PATIENCE);
  const { messages, gaps, missing, twice } = await counts(page);
  assert.deepEqual({ gaps, missing, twice }, { gaps: 0, missing: 0, twice: 0 });
  t.diagnostic(`${messages} messages`);
  assert.deepEqual(await cluster.stop('SIGINT'), { code: 0, signal: null });
});

// Waits until one of these nodes serves the page.
function serving(page, names) {
  return page.waitForFunction(
    (names) =>
      document.getElementById('serving').dataset.state === 'live' &&
      names.includes(document.getElementById('node').textContent),
    names,
    PATIENCE,
  );
}

// Waits until the page has this many more messages.
async function grows(page, by) {
  const { messages } = await counts(page);
  await page.waitForFunction((than) => Number(document.getElementById('messages').textContent) >= than, messages + by, PATIENCE);
}

async function counts(page) {
  const read = async (id) => [id, Number(await page.textContent(`#${id}`))];
  return Object.fromEntries(await Promise.all(['messages', 'reconnections', 'gaps', 'missing', 'twice'].map(read)));
}
