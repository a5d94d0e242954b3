// The TypeScript client follows a real touka server that is killed, suspended, cut off and started again, in Node and in
// Chromium: each number exactly once and in order.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './support/browser.mjs';
import { startCutter } from './support/cutter.mjs';
import { publish } from './support/publisher.mjs';
import { freePort, ROOT, start } from './support/server.mjs';

const RUNTIME = join(ROOT, 'clients/typescript/dist/runtime.mjs');
const EVENTS = { method: 'GET', path: '/events', events: { message: 'text', gap: 'json' }, resumes: true };
// Shorter than the server's keep-alive, because a suspended server is found by its silence. While numbers are published, the
// server is never silent for so long; if a busy machine makes it so, the client reconnects without need.
const WATCHDOG = 3_000;

let browser;
let folder;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'touka-typescript-'));
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// Follows the numbers in this process.
async function inNode(url, t) {
  const { Client } = await import(RUNTIME);
  const seen = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  let opens = 0;
  const options = { watchdog: WATCHDOG, signal: stop.signal, onOpen: () => { opens += 1; } };
  const stream = new Client({ baseUrl: url }).stream(EVENTS, {}, options);
  const ended = (async () => {
    for await (const event of stream) seen.push(event);
  })();
  return {
    name: 'Node',
    seen: async () => seen,
    opens: async () => opens,
    async end() {
      stop.abort();
      await ended;
    },
  };
}

// Follows the numbers in a page of the server, by this transport.
async function inChromium(url, transport, t) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.route('**/runtime.mjs', async (route) => {
    await route.fulfill({ contentType: 'text/javascript', body: await readFile(RUNTIME, 'utf8') });
  });
  await tab.goto(url);
  await tab.evaluate(
    async ({ events, transport, watchdog }) => {
      const { Client } = await import('/runtime.mjs');
      Object.assign(window, { seen: [], opens: 0, stop: new AbortController() });
      const options = { signal: window.stop.signal, onOpen: () => { window.opens += 1; } };
      const way = transport === 'fetch' ? { watchdog } : { transport };
      const stream = new Client().stream(events, {}, { ...options, ...way });
      window.ended = (async () => {
        for await (const event of stream) window.seen.push(event);
      })();
    },
    { events: EVENTS, transport, watchdog: WATCHDOG },
  );
  return {
    name: `Chromium by ${transport}`,
    seen: () => tab.evaluate(() => window.seen),
    opens: () => tab.evaluate(() => window.opens),
    async end() {
      await tab.evaluate(() => {
        window.stop.abort();
        return window.ended;
      });
    },
  };
}

async function until(what, is) {
  const deadline = Date.now() + 60_000;
  while (!(await is())) {
    assert.ok(Date.now() < deadline, `${what}: too late`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('each number arrives once, whatever happens to the server and the network', { timeout: 300_000 }, async (t) => {
  const port = await freePort();
  const run = () => start('topic', port, join(folder, 'events.touka'));
  let server = await run();
  t.after(() => server.stop('SIGKILL'));
  const cutter = await startCutter(server.url);
  t.after(() => cutter.stop());

  const followers = [await inNode(cutter.url, t)];
  for (const transport of ['fetch', 'eventsource']) followers.push(await inChromium(cutter.url, transport, t));
  // A client without an id begins with the next event, so nothing is published before all are connected.
  for (const follower of followers) await until(`${follower.name} is connected`, async () => (await follower.opens()) > 0);

  const publisher = publish(server.url);
  t.after(() => publisher.stop());
  const { told } = publisher;
  // Waits until all have numbers that were published after this call.
  const followed = async (which = followers) => {
    const number = told.last + 20;
    await publisher.until(({ last }) => last >= number);
    for (const { name, seen } of which) {
      await until(`${name} has ${number}`, async () => Number((await seen()).findLast(({ event }) => event === 'message')?.data) >= number);
    }
  };
  await followed();

  for (let time = 0; time < 3; time += 1) {
    const { failed } = told;
    assert.deepEqual(await server.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
    await publisher.until((now) => now.failed > failed + 1);
    server = await run();
    await followed();
  }
  t.diagnostic('killed three times');

  for (let time = 0; time < 3; time += 1) {
    const { refused } = cutter.state;
    cutter.cut();
    await until('a client reconnects in vain', () => cutter.state.refused > refused);
    cutter.mend();
    await followed();
  }
  t.diagnostic('cut off three times');

  // The connections stay open and silent. An `EventSource` has no watchdog: it goes on when the server does.
  const opens = await Promise.all(followers.map((follower) => follower.opens()));
  server.signal('SIGSTOP');
  for (const [index, follower] of followers.entries()) {
    if (follower.name.endsWith('eventsource')) continue;
    // The stream of the suspended server is given up, and a request of the next attempt is in the server's queue.
    await new Promise((resolve) => setTimeout(resolve, WATCHDOG + 500));
    assert.equal(await follower.opens(), opens[index], `${follower.name}: a suspended server answered`);
  }
  server.signal('SIGCONT');
  await followed();
  for (const [index, follower] of followers.entries()) {
    if (follower.name.endsWith('eventsource')) continue;
    assert.ok((await follower.opens()) > opens[index], `${follower.name} did not notice the silence`);
  }

  // A regular end, with the server's own `retry`.
  assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
  server = await run();
  await followed();

  await publisher.stop();
  const numbers = Array.from({ length: told.last }, (_, index) => String(index + 1));
  for (const { name, seen, end } of followers) {
    await until(`${name} has the last`, async () => (await seen()).at(-1)?.data === numbers.at(-1));
    await end();
    const all = await seen();
    assert.deepEqual(all.map(({ data }) => data), numbers, `${name} has each number once`);
    assert.ok(all.every(({ event, id }) => event === 'message' && id), name);
  }
  t.diagnostic(`${told.last} numbers to each of three clients`);
});
