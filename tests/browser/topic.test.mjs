// The promise: a client that follows a topic on disk gets each event exactly once and in order, though its
// server is killed repeatedly during publishes.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { publish } from './support/publisher.mjs';
import { freePort, start } from './support/server.mjs';

// By time and not by frame: one of two tabs is in the background, where no frames are drawn.
const PATIENCE = { timeout: 60_000, polling: 50 };

let browser;
let folder;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'touka-topic-'));
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('two tabs see each number once, through five kills', { timeout: 300_000 }, async (t) => {
  const port = await freePort();
  const run = () => start('topic', port, join(folder, 'events.touka'));
  let server = await run();
  t.after(() => server.stop('SIGKILL'));

  // One context: these are tabs of one window, with one profile and one pool of connections.
  const context = await browser.newContext();
  const tabs = [await context.newPage(), await context.newPage()];
  for (const tab of tabs) await tab.goto(server.url);
  // A client without an id begins with the next event, so nothing is published before the tabs are connected.
  await Promise.all(tabs.map((tab) => grows(tab, 'opens', 0)));
  await followedWithoutTasks(server);

  const publisher = publish(server.url);
  t.after(() => publisher.stop());
  const { told } = publisher;

  // Each of them waits for the moment of a kill.
  const moments = {
    'both tabs follow': async () => {
      await publisher.until(({ last }) => last >= 50);
      await Promise.all(tabs.map((tab) => shows(tab, told.last)));
    },
    'a number is posted, and not published': () => hold(server, 'before'),
    'a number is published, and not acknowledged': async () => {
      await hold(server, 'after');
      // The tabs get the number before the publisher's response.
      await Promise.all(tabs.map((tab) => shows(tab, told.last + 1)));
    },
    // Most of the time the tabs have not reconnected yet, and find the next process.
    'the publisher goes on': () => {
      const { last } = told;
      return publisher.until((now) => now.last > last);
    },
    // These numbers can only come from this process.
    'the first tab is back': async () => {
      const number = told.last + 1;
      await publisher.until(({ last }) => last >= number);
      await Promise.any(tabs.map((tab) => shows(tab, number)));
    },
  };

  for (const [moment, comes] of Object.entries(moments)) {
    await comes();
    const lost = await Promise.all(tabs.map((tab) => count(tab, 'errors')));
    const { kept, again } = told;
    assert.deepEqual(await server.stop('SIGKILL'), { code: null, signal: 'SIGKILL' }, moment);

    // One request may have failed by the kill; another one found no server.
    const { failed } = told;
    await publisher.until((now) => now.failed > failed + 1);
    if (moment === 'both tabs follow') {
      // The tabs lose their server, and reconnect in vain.
      await Promise.all(tabs.map((tab, index) => grows(tab, 'errors', lost[index] + 1)));
    }
    server = await run();
    await publisher.until((now) => now.kept + now.again > kept + again);
    if (moment === 'a number is posted, and not published') assert.equal(told.again, again + 1, moment);
    if (moment === 'a number is published, and not acknowledged') assert.equal(told.kept, kept + 1, moment);
    t.diagnostic(`${moment}: killed, and ${told.last} is known to be published`);
  }

  // Both are connected to the last server once they get a number that only that one has published.
  const { last } = told;
  await publisher.until((now) => now.last >= last + 50);
  await Promise.all(tabs.map((tab) => shows(tab, last + 50)));
  await followedWithoutTasks(server);
  await publisher.stop();
  await Promise.all(tabs.map((tab) => shows(tab, told.last)));

  const [first, second] = await Promise.all(tabs.map((tab) => tab.evaluate(read)));
  const numbers = Array.from({ length: told.last }, (_, index) => String(index + 1));
  assert.deepEqual(first.events.map(({ data }) => data), numbers);
  assert.deepEqual(second.events, first.events, 'the tabs do not show the same');
  for (const { data, id } of first.events) {
    // A number whose acknowledgement was lost has no known id.
    const published = told.ids.get(Number(data)) ?? id;
    assert.equal(id, published, `the id of ${data}`);
  }
  assert.equal(new Set(first.events.map(({ id }) => id)).size, told.last, 'an id arrived twice');
  for (const { gaps, errors } of [first, second]) {
    assert.deepEqual(gaps, []);
    assert.ok(!errors.includes('gave up'), 'a tab gave up');
  }
  t.diagnostic(`${told.last} numbers; of those whose answer was lost, ${told.kept} were kept, ${told.again} posted again`);
});

// Holds the next publish for ever, and waits until it is held.
async function hold(server, moment) {
  const response = await fetch(`${server.url}/hold/${moment}`, { method: 'POST' });
  assert.equal(response.status, 204);
}

// Asserts that both streams are parked, since parked streams are under test here.
async function followedWithoutTasks(server) {
  const response = await fetch(`${server.url}/parked`);
  assert.deepEqual(await response.json(), [true, true]);
}

function count(tab, list) {
  return tab.locator(`#${list} > li`).count();
}

// Waits until a list of the page has more than this number of items.
function grows(tab, list, than) {
  return tab.waitForFunction(
    ({ list, than }) => document.getElementById(list).children.length > than,
    { list, than },
    PATIENCE,
  );
}

// Waits until the page has got this number. Earlier numbers are checked at the end.
function shows(tab, number) {
  return tab.waitForFunction(
    (number) => Number(document.getElementById('events').lastElementChild?.textContent) >= number,
    number,
    PATIENCE,
  );
}

// Runs in the page.
function read() {
  const items = (list) => [...document.getElementById(list).children];
  const texts = (list) => items(list).map((item) => item.textContent);
  const events = items('events').map((item) => ({ data: item.textContent, id: item.dataset.id }));
  return { events, gaps: texts('gaps'), errors: texts('errors') };
}
