// The promise: an answer of the example `assistant` outlives its clients and its server. Each tab shows every token
// exactly once, whenever it comes, and learns how the answer has ended.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { launch } from './support/browser.mjs';
import { startCutter } from './support/cutter.mjs';
import { below, chooseSeed, generator } from './support/random.mjs';
import { freePort, start, withTimeout } from './support/server.mjs';

const LIMIT = { timeout: 240_000 };
// By time and not by frame: one of two tabs is in the background, where no frames are drawn.
const PATIENCE = { timeout: 60_000, polling: 50 };
const QUESTION = 'Why?';
const RELOADS = 5;

// The times for a token, in milliseconds. An answer has about a hundred: at the last pace it outlasts each test.
const AT_ONCE = '0';
const WALKING = '120';
const FOR_EVER = '2000';

let browser;
let folder;
// The whole answer to the question, as one client gets it that is never disturbed.
let whole;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'touka-assistant-'));
  const server = await start('assistant', 0, AT_ONCE);
  try {
    whole = await undisturbed(server.url);
  } finally {
    await server.stop('SIGKILL');
  }
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('tabs that reload show every token once, and stop at the end', LIMIT, async (t) => {
  const { server, tabs } = await open(t, WALKING);
  const seed = chooseSeed();
  t.diagnostic(`SEED=${seed}`);
  const random = generator(seed);
  const [first] = tabs;
  const requests = countRequests(first);

  let turn = await ask(first);
  let second;
  // On a busy machine the answer may be complete before the last reload: then another one is asked for.
  for (let reloads = 0, tries = 0; reloads < RELOADS; ) {
    if (reloads === 1 && !second) second = await another(t, tabs, server.url);
    // Also at once, before the page has anything new.
    const { text: earlier } = await read(first, turn);
    await shows(first, turn, Math.min(earlier.length + below(random, 50), whole.length));
    const { state, text } = await read(first, turn);
    assert.ok(whole.startsWith(text), text);
    if (state === 'done') {
      assert.ok((tries += 1) < 10, 'all answers were complete before a reload');
      turn = await ask(first);
      reloads = 0;
      continue;
    }
    requests.clear();
    await first.reload();
    await appears(first, turn);
    // Nothing that was there is lost.
    await shows(first, turn, text.length);
    reloads += 1;
  }
  for (const tab of tabs) await ends(tab, turn, 'done');
  for (const tab of tabs) assert.equal((await read(tab, turn)).text, whole);

  // The answer is there after a reload, too, and takes one more request: the one that says that there is nothing more.
  for (const tab of tabs) await closes(tab, turn);
  requests.clear();
  await first.reload();
  await ends(first, turn, 'done');
  assert.deepEqual(await read(first, turn), { state: 'done', text: whole, question: QUESTION });
  await closes(first, turn);
  assert.deepEqual(requests.of(turn), [200, 204]);
  // A browser that reconnects would have done so while the other tab did all this once more.
  await second.reload();
  await closes(second, turn);
  assert.deepEqual(requests.of(turn), [200, 204]);
});

test('a stop from the other tab ends the answer for both', LIMIT, async (t) => {
  const { server, tabs: [first], tabs } = await open(t, FOR_EVER);
  const second = await another(t, tabs, server.url);
  // The second tab learns of it, though it was there before.
  const turn = await ask(first);
  for (const tab of tabs) await shows(tab, turn, words(1));
  await press(second, turn, 'Stop');
  for (const tab of tabs) await ends(tab, turn, 'cancelled');
  const [{ text }, other] = await Promise.all(tabs.map((tab) => read(tab, turn)));
  assert.equal(other.text, text);
  assert.ok(text && text !== whole && whole.startsWith(text), text);
  await first.reload();
  await ends(first, turn, 'cancelled');
  assert.equal((await read(first, turn)).text, text);
});

test('a server that is killed leaves the tokens, and an end', LIMIT, async (t) => {
  const port = await freePort();
  const file = join(folder, 'answers.touka');
  const { server, tabs: [first], tabs } = await open(t, FOR_EVER, file, port);
  const second = await another(t, tabs, server.url);
  const turn = await ask(first);
  for (const tab of tabs) await shows(tab, turn, words(2));
  const before = await Promise.all(tabs.map((tab) => read(tab, turn)));
  assert.deepEqual(await server.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
  for (const tab of tabs) await becomes(tab, turn, 'reconnecting');

  const next = await start('assistant', port, FOR_EVER, file);
  t.after(() => next.stop('SIGKILL'));
  for (const tab of tabs) await ends(tab, turn, 'lost');
  const [lost, other] = await Promise.all(tabs.map((tab) => read(tab, turn)));
  assert.deepEqual(other, lost);
  for (const { text } of before) assert.ok(lost.text.startsWith(text), `${text} became ${lost.text}`);
  assert.ok(lost.text !== whole && whole.startsWith(lost.text), lost.text);

  // The next answer is another turn, and the lost one stays.
  await press(first, turn, 'Ask again');
  const again = await newest(first, 2);
  for (const tab of tabs) await shows(tab, again, words(1));
  await first.reload();
  await shows(first, again, words(1));
  assert.deepEqual(await ids(first), [turn, again]);
  await ends(first, turn, 'lost');
  assert.deepEqual(await read(first, turn), lost);
});

test('a tab goes on after a lost network', LIMIT, async (t) => {
  const { server, tabs } = await open(t, WALKING);
  const cutter = await startCutter(server.url);
  t.after(() => cutter.stop());
  // One of them through the network, the other one beside it. A cookie is for all ports.
  const [beside] = tabs;
  const across = await another(t, tabs, cutter.url);

  // The answer may be complete before the network is lost: then another one is asked for.
  for (let tries = 0; ; tries += 1) {
    assert.ok(tries < 10, 'all answers were complete before the network was lost');
    const turn = await ask(across);
    await beside.reload();
    await appears(beside, turn);
    await shows(across, turn, words(3));
    cutter.cut();
    await until(async () => (await read(across, turn)).state !== 'writing', 'the loss is noticed');
    const { state, text } = await read(across, turn);
    // The answer goes on without this tab.
    const { text: there } = await read(beside, turn);
    await shows(beside, turn, Math.min(there.length + words(4), whole.length));
    assert.equal((await read(across, turn)).text, text);
    cutter.mend();
    await ends(across, turn, 'done');
    await ends(beside, turn, 'done');
    for (const tab of tabs) assert.equal((await read(tab, turn)).text, whole);
    if (state === 'reconnecting') break;
  }

  // A question that is asked without a network is asked once it is back.
  cutter.cut();
  const { refused } = cutter.state;
  const turn = await ask(across, 'sending');
  await until(() => cutter.state.refused > refused, 'a request without a network');
  assert.equal((await read(across, turn)).state, 'sending');
  cutter.mend();
  await shows(across, turn, words(1));
});

// The answer, read without a browser.
async function undisturbed(url) {
  const { headers } = await fetch(url);
  const cookie = headers.get('set-cookie').split(';')[0];
  const body = JSON.stringify({ question: QUESTION });
  await fetch(`${url}/turns/t1`, { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, body });
  let text = '';
  const names = [];
  const parser = createParser({
    onEvent({ event, data }) {
      names.push(event);
      if (event === 'delta') text += JSON.parse(data).text;
    },
  });
  parser.feed(await (await fetch(`${url}/turns/t1`, { headers: { cookie } })).text());
  assert.equal(names.at(-1), 'done');
  return text;
}

// A server, and a tab of a new session.
async function open(t, pace, file, port = 0) {
  const server = await start('assistant', port, pace, ...(file ? [file] : []));
  t.after(() => server.stop('SIGKILL'));
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.goto(server.url);
  return { server, tabs: [tab] };
}

// Another tab of the same session.
async function another(t, tabs, url) {
  const tab = await tabs[0].context().newPage();
  tabs.push(tab);
  await tab.goto(url);
  return tab;
}

// Asks the question, and returns the id of the turn.
async function ask(tab, state = 'writing') {
  const before = (await ids(tab)).length;
  await tab.fill('#text', QUESTION);
  await tab.press('#text', 'Enter');
  const turn = await newest(tab, before + 1);
  if (state !== 'sending') {
    await tab.waitForFunction((id) => document.getElementById(id).dataset.state !== 'sending', turn, PATIENCE);
  }
  return turn;
}

function ids(tab) {
  return tab.$$eval('#turns > section', (sections) => sections.map(({ id }) => id));
}

// Waits until the page has this number of turns, and returns the id of the last one.
async function newest(tab, count) {
  await tab.waitForFunction((count) => document.querySelectorAll('#turns > section').length === count, count, PATIENCE);
  return (await ids(tab)).at(-1);
}

function appears(tab, turn) {
  return tab.waitForFunction((id) => document.getElementById(id), turn, PATIENCE);
}

function becomes(tab, turn, state) {
  return tab.waitForFunction(
    ({ turn, state }) => document.getElementById(turn)?.dataset.state === state,
    { turn, state },
    PATIENCE,
  );
}

// Waits for any end, and asserts that it is this one.
async function ends(tab, turn, state) {
  const ENDS = ['done', 'cancelled', 'failed', 'lost', 'refused', 'unknown'];
  await tab.waitForFunction(
    ({ turn, ENDS }) => ENDS.includes(document.getElementById(turn)?.dataset.state),
    { turn, ENDS },
    PATIENCE,
  );
  assert.equal((await read(tab, turn)).state, state);
}

// Waits until the browser has given up the connection for good.
function closes(tab, turn) {
  return tab.waitForFunction((turn) => document.getElementById(turn)?.dataset.closed === '', turn, PATIENCE);
}

// Waits until the answer is this long, or complete.
function shows(tab, turn, length) {
  return tab.waitForFunction(
    ({ turn, length }) => document.querySelector(`[id="${turn}"] .answer`)?.textContent.length >= length,
    { turn, length },
    PATIENCE,
  );
}

// The length of the first words of the answer.
function words(count) {
  return whole.split(' ').slice(0, count).join(' ').length;
}

function press(tab, turn, name) {
  return tab.locator(`[id="${turn}"] .act`, { hasText: name }).click();
}

function read(tab, turn) {
  return tab.evaluate((id) => {
    const section = document.getElementById(id);
    const text = (name) => section.querySelector(name).textContent;
    return { state: section.dataset.state, text: text('.answer'), question: text('.question') };
  }, turn);
}

// The statuses of the tab's requests for each turn, in their order.
function countRequests(tab) {
  const statuses = new Map();
  const of = (turn) => statuses.get(turn) ?? [];
  tab.on('response', (response) => {
    const [, turn] = new URL(response.url()).pathname.match(/^\/turns\/([^/]+)$/) ?? [];
    if (turn && response.request().method() === 'GET') statuses.set(turn, [...of(turn), response.status()]);
  });
  return { of, clear: () => statuses.clear() };
}

function until(is, what) {
  const so = async () => {
    while (!(await is())) await pause(20);
  };
  return withTimeout(so(), () => `not in time: ${what}`);
}
