// The runtime in Chromium, by both transports: cuts, restarts, a network that is away, and a page from the cache.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, page } from './support/browser.mjs';
import { head, log, serve } from './support/server.mjs';

const LIMIT = { timeout: 120_000 };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(handler, port) {
  let number = 0;
  const server = await serve((request, response, body) => {
    if (!page(request, response)) handler(request, response, (number += 1), body);
  }, port);
  cleanups.push(() => server.stop());
  server.streams = () => server.requests.filter(({ url }) => url.startsWith('/log'));
  return server;
}

async function visit(server) {
  const context = await browser.newContext();
  cleanups.push(() => context.close());
  const tab = await context.newPage();
  await tab.goto(`${server.url}/`);
  await tab.evaluate(async () => {
    Object.assign(window, await import('/runtime.mjs'));
    window.seen = [];
    window.read = async (route, options, limit = Infinity) => {
      try {
        for await (const event of new Client().stream(route, {}, options)) {
          seen.push(event);
          if (seen.length === limit) break;
        }
        return 'over';
      } catch (error) {
        return `${error.name} ${error.status ?? ''}`;
      }
    };
  });
  return tab;
}

// Delays are none, unless a test says otherwise.
const quick = (tab) =>
  tab.evaluate(() => {
    Math.random = () => 0;
  });
const plain = (events) => JSON.parse(JSON.stringify(events));
const seenBy = async (tab) => JSON.parse(await tab.evaluate(() => JSON.stringify(seen)));
const idOf = ({ headers, url }) =>
  headers['last-event-id'] ?? new URL(url, 'http://x').searchParams.get('lastEventId') ?? undefined;

for (const transport of ['fetch', 'eventsource']) {
  test(`cuts, by ${transport}`, LIMIT, async () => {
    const events = log(40);
    const server = await start((request, response, number) => {
      head(response);
      const rest = events.after(idOf(request));
      // A native reconnect has a minimum, so there are few cuts.
      if (number <= 6)
        response.write(Buffer.concat([Buffer.from('retry: 1\n'), rest.subarray(0, 37 * number)]), () =>
          response.destroy(),
        );
      else response.end(rest);
    });
    const tab = await visit(server);
    await quick(tab);
    assert.equal(await tab.evaluate(([route, options]) => read(route, options), [events.route, { transport }]), 'over');
    assert.deepEqual(await seenBy(tab), plain(events.expected));
    assert.equal(server.streams().length, 7);
  });

  test(`a server that is killed and started again, by ${transport}`, LIMIT, async () => {
    const events = log(10);
    const answer = (last) => (request, response) => {
      head(response);
      const rest = Buffer.concat([Buffer.from('retry: 100\n'), events.after(idOf(request))]);
      if (last) response.end(rest);
      else response.write(rest.subarray(0, 200));
    };
    const server = await start(answer(false));
    const tab = await visit(server);
    await quick(tab);
    const outcome = tab.evaluate(([route, options]) => read(route, options), [events.route, { transport }]);
    await tab.waitForFunction(() => seen.length > 0);
    cleanups.splice(cleanups.length - 2, 1);
    await server.stop();
    await start(answer(true), server.port);
    assert.equal(await outcome, 'over');
    assert.deepEqual(await seenBy(tab), plain(events.expected));
  });
}

test('a stalled server, by fetch', LIMIT, async () => {
  const events = log(4);
  const server = await start((request, response, number) => {
    if (number === 1) return;
    head(response);
    const rest = events.after(idOf(request));
    if (number === 2) response.write(rest.subarray(0, 130));
    else response.end(rest);
  });
  const tab = await visit(server);
  await quick(tab);
  assert.equal(await tab.evaluate((route) => read(route, { watchdog: 500 }), events.route), 'over');
  assert.deepEqual(await seenBy(tab), plain(events.expected));
});

test('a network that is back ends a wait of an hour', LIMIT, async () => {
  const events = log(5);
  const server = await start((request, response, number) => {
    head(response);
    const rest = Buffer.concat([Buffer.from('retry: 3600000\n'), events.after(idOf(request))]);
    if (number === 1) response.write(rest.subarray(0, 150));
    else response.end(rest);
  });
  const tab = await visit(server);
  await tab.evaluate(() => {
    Math.random = () => 1;
    window.waits = 0;
  });
  const outcome = tab.evaluate(
    (route) =>
      read(route, {
        onRetry: () => {
          waits += 1;
        },
      }),
    events.route,
  );
  await tab.waitForFunction(() => seen.length > 0);
  await tab.context().setOffline(true);
  server.closeConnections();
  await tab.waitForFunction(() => waits === 1);
  await tab.context().setOffline(false);
  assert.equal(await outcome, 'over');
  assert.deepEqual(await seenBy(tab), plain(events.expected));
});

test('a page that comes back from the cache continues', LIMIT, async () => {
  const events = log(5);
  let report;
  const reported = new Promise((resolve) => {
    report = resolve;
  });
  const server = await start((request, response, number, body) => {
    if (request.url === '/report') return (report(JSON.parse(body)), response.end());
    head(response);
    const rest = Buffer.concat([Buffer.from('retry: 3600000\n'), events.after(idOf(request))]);
    if (number === 1) return response.write(rest.subarray(0, 150));
    return response.end(rest);
  });
  const tab = await visit(server);
  await tab.evaluate((route) => {
    Math.random = () => 1;
    let restored = false;
    addEventListener('pageshow', ({ persisted }) => {
      restored = persisted;
    });
    // playwright does not reach a page that was restored, so the page reports by itself.
    read(route).then((outcome) =>
      fetch('/report', { method: 'POST', body: JSON.stringify({ restored, outcome, seen }) }),
    );
  }, events.route);
  await tab.waitForFunction(() => seen.length > 0);
  await tab.goto(`${server.url}/other`);
  server.closeConnections();
  await tab.evaluate(() => history.back());
  assert.deepEqual(await reported, { restored: true, outcome: 'over', seen: plain(events.expected) });
});

test('an id that is not ASCII is sent as UTF-8', LIMIT, async () => {
  const server = await start((_, response, number) => {
    head(response);
    if (number === 1) response.end('retry: 1\nid: é…🦀\nevent: tick\ndata: 1\n\n');
    else response.end('event: done\ndata\n\n');
  });
  const tab = await visit(server);
  await quick(tab);
  assert.equal(await tab.evaluate((route) => read(route), log(1).route), 'over');
  assert.equal(Buffer.from(server.streams()[1].id, 'latin1').toString(), 'é…🦀');
});

test('break closes the connection', LIMIT, async () => {
  let closed;
  const server = await start((_, response) => {
    closed = new Promise((resolve) => response.once('close', resolve));
    head(response);
    response.write(log(9).after().subarray(0, 150));
  });
  const tab = await visit(server);
  for (const transport of ['fetch', 'eventsource']) {
    assert.equal(
      await tab.evaluate(
        ([route, options]) => ((seen.length = 0), read(route, options, 1)),
        [log(9).route, { transport }],
      ),
      'over',
    );
    await closed;
  }
});

test('an EventSource that has given up is followed by a fetch', LIMIT, async () => {
  const events = log(6);
  const server = await start((request, response, number) => {
    if (number === 1) return response.writeHead(503).end();
    head(response);
    const rest = Buffer.concat([Buffer.from('retry: 1\n'), events.after(idOf(request))]);
    if (number === 2) return response.write(rest.subarray(0, 150), () => response.destroy());
    return response.end(rest);
  });
  const tab = await visit(server);
  await quick(tab);
  assert.equal(await tab.evaluate((route) => read(route, { transport: 'eventsource' }), events.route), 'over');
  assert.deepEqual(await seenBy(tab), plain(events.expected));
});

test('the status for which an EventSource has given up', LIMIT, async () => {
  let status = 404;
  const server = await start((_, response) => response.writeHead(status).end());
  const tab = await visit(server);
  await quick(tab);
  assert.equal(await tab.evaluate((route) => read(route, { transport: 'eventsource' }), log(1).route), 'HttpError 404');
  status = 204;
  assert.equal(await tab.evaluate((route) => read(route, { transport: 'eventsource' }), log(1).route), 'over');
});

test('a slow consumer of an EventSource loses nothing', LIMIT, async () => {
  const events = log(5000);
  const server = await start((request, response) => {
    head(response);
    response.end(Buffer.concat([Buffer.from('retry: 1\n'), events.after(idOf(request))]));
  });
  const tab = await visit(server);
  await quick(tab);
  await tab.evaluate(async (route) => {
    for await (const event of new Client().stream(route, {}, { transport: 'eventsource' })) {
      // Longer than the whole log takes to arrive.
      if (seen.push(event) === 1) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }, events.route);
  assert.deepEqual(await seenBy(tab), plain(events.expected));
  assert.ok(server.streams().length > 1, 'the queue has no bound');
});

test('an error event of the server is an event of an EventSource', LIMIT, async () => {
  const server = await start((_, response) => {
    head(response);
    response.write('id: 1\nevent: error\ndata: {"status":500}\n\n');
  });
  const tab = await visit(server);
  const route = { ...log(1).route, events: { error: 'json' }, last: ['error'] };
  assert.equal(await tab.evaluate((route) => read(route, { transport: 'eventsource' }), route), 'over');
  assert.deepEqual(await seenBy(tab), [{ event: 'error', data: { status: 500 }, id: '1' }]);
});

test('the id in the query stays until the server sends one', LIMIT, async () => {
  const server = await start((_, response) => {
    head(response);
    response.write('event: tick\ndata: 1\n\nid: 6\nevent: tick\ndata: 2\n\nid\nevent: done\ndata\n\n');
  });
  const tab = await visit(server);
  const options = { transport: 'eventsource', lastEventId: '5' };
  assert.equal(await tab.evaluate(([route, given]) => read(route, given), [log(1).route, options]), 'over');
  const seen = await seenBy(tab);
  assert.deepEqual(
    seen.map(({ id }) => id),
    ['5', '6', ''],
  );
  assert.equal(idOf(server.streams()[0]), '5');
});

test('an EventSource sends no headers and no POST', LIMIT, async () => {
  const server = await start(() => {});
  const tab = await visit(server);
  for (const [route, options] of [
    [{ ...log(1).route, method: 'POST' }, {}],
    [log(1).route, { headers: { a: 'b' } }],
  ]) {
    assert.equal(
      await tab.evaluate(([route, options]) => read(route, { ...options, transport: 'eventsource' }), [route, options]),
      'TypeError ',
    );
  }
  assert.equal(server.streams().length, 0);
});

// React's strict mode begins each effect, ends it in the same tick, and begins it again.
test('an EventSource that is ended in the tick of its start is closed', LIMIT, async () => {
  const server = await start((_, response) => head(response));
  const tab = await visit(server);
  const states = await tab.evaluate(async (route) => {
    const sources = [];
    window.EventSource = class extends EventSource {
      constructor(...given) {
        super(...given);
        sources.push(this);
      }
    };
    const abort = new AbortController();
    const events = new Client().stream(route, {}, { transport: 'eventsource', signal: abort.signal });
    const next = events[Symbol.asyncIterator]().next();
    abort.abort();
    await next;
    return sources.filter(({ readyState }) => readyState !== EventSource.CLOSED).length;
  }, log(1).route);
  assert.equal(states, 0);
});

test('the id to begin after stays until an EventSource gets another', LIMIT, async () => {
  const server = await start((_, response) => {
    head(response);
    response.end('event: tick\ndata: 1\n\nid: 8\nevent: tick\ndata: 2\n\nid\nevent: tick\ndata: 3\n\nevent: done\ndata\n\n');
  });
  const tab = await visit(server);
  const saved = await tab.evaluate(async (route) => {
    const ids = [];
    const store = { load: () => '7', save: (id) => ids.push(id) };
    await read(route, { transport: 'eventsource', store });
    return ids;
  }, log(1).route);
  assert.equal(server.streams()[0].url, '/log?lastEventId=7');
  assert.deepEqual(
    (await seenBy(tab)).map(({ id }) => id),
    ['7', '8', '', ''],
  );
  assert.deepEqual(saved, ['8', '']);
});
