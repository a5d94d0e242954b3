// The runtime against servers that are killed, stalled, cut and restarted: each event arrives exactly once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Client, HttpError } from '../dist/runtime.mjs';
import { collect } from './support/fake.mjs';
import { below, chooseSeed, generator } from '../../../tests/browser/support/random.mjs';
import { head, log, serve } from './support/server.mjs';

const LIMIT = { timeout: 120_000 };

// No delays: the tests wait for events only.
beforeEach(() => mock.method(Math, 'random', () => 0));
const open = [];
afterEach(async () => {
  mock.restoreAll();
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

async function start(handler, port) {
  const server = await serve(handler, port);
  open.push(server);
  return server;
}

const read = (server, { route }, options) => collect(new Client({ baseUrl: server.url }).stream(route, {}, options));

test('a connection that is cut after any byte', LIMIT, async () => {
  const events = log(3);
  const whole = events.after();
  let cut = 0;
  const server = await start(({ headers }, response, _, number) => {
    head(response);
    if (number > 1) return response.end(events.after(headers['last-event-id']));
    return response.write(whole.subarray(0, cut), () => response.destroy());
  });
  for (cut = 1; cut < whole.length; cut += 1) {
    server.requests.length = 0;
    assert.deepEqual(await read(server, events), events.expected, `cut after ${cut} bytes`);
  }
});

test('connections that are cut again and again', LIMIT, async () => {
  const seed = chooseSeed();
  const random = generator(seed);
  const events = log(60);
  const server = await start(({ headers }, response) => {
    const rest = events.after(headers['last-event-id']);
    const kind = below(random, 6);
    if (kind === 0) return response.destroy();
    if (kind === 1) return response.writeHead(502).end('bad gateway');
    head(response);
    const part = rest.subarray(0, below(random, 400));
    if (kind === 2) response.end('retry: 0\n');
    // Two writes, so that the border of a piece is within an event.
    else if (kind === 3)
      response.write(part, () => response.write(rest.subarray(part.length, part.length + 7), () => response.destroy()));
    else response.write(part, () => response.destroy());
  });
  assert.deepEqual(await read(server, events), events.expected, `SEED=${seed}`);
  assert.ok(server.requests.length > 5);
});

test('a server that is killed and started again', LIMIT, async () => {
  const events = log(20);
  const answer =
    (last) =>
    ({ headers }, response) => {
      head(response);
      const rest = events.after(headers['last-event-id']);
      if (last) response.end(rest);
      else response.write(rest.subarray(0, 300));
    };
  let server = await start(answer(false));
  const { port } = server;
  const seen = [];
  const refusals = [];
  const stream = new Client({ baseUrl: server.url }).stream(
    events.route,
    {},
    {
      async onRetry({ error }) {
        // Once the port has refused a connection, the server comes back.
        refusals.push(error);
        if (refusals.length === 2) server = await start(answer(true), port);
      },
    },
  );
  for await (const event of stream) {
    seen.push(event);
    if (seen.length === 3) await open.shift().stop();
  }
  assert.deepEqual(seen, events.expected);
  assert.ok(refusals[1] instanceof TypeError);
});

test('a server that stalls before the head and in the body', LIMIT, async () => {
  const events = log(4);
  const closed = [];
  const server = await start(({ headers }, response, _, number) => {
    if (number <= 3) response.once('close', () => closed.push(number));
    if (number === 1) return;
    head(response);
    const rest = events.after(headers['last-event-id']);
    if (number === 2) return;
    if (number === 3) response.write(rest.subarray(0, 130));
    else response.end(rest);
  });
  assert.deepEqual(await read(server, events, { watchdog: 300 }), events.expected);
  assert.deepEqual(closed, [1, 2, 3]);
});

test('a proxy that cuts and stalls', LIMIT, async () => {
  const events = log(30);
  const server = await start(({ headers }, response) => {
    head(response);
    response.end(events.after(headers['last-event-id']));
  });
  const sockets = new Set();
  let connections = 0;
  // Bytes of the head and of chunked coding count, so cuts are at all kinds of places.
  const proxy = createServer((client) => {
    connections += 1;
    let left = connections < 12 ? 120 * connections : Infinity;
    const stalls = connections % 3 === 0;
    const origin = connect(server.port, '127.0.0.1');
    for (const socket of [client, origin]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.pipe(origin);
    client.on('close', () => origin.destroy());
    origin.on('data', (bytes) => {
      if (left > 0) client.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0 && !stalls) client.destroySoon();
    });
    origin.on('end', () => left > 0 && client.end());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const seen = await read({ url: `http://127.0.0.1:${proxy.address().port}` }, events, { watchdog: 300 });
    assert.deepEqual(seen, events.expected);
    assert.ok(connections > 5);
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
});

test('503 with Retry-After, and then 204', LIMIT, async () => {
  const waits = [];
  const server = await start((_, response, __, number) => {
    if (number === 1) response.writeHead(503, { 'retry-after': '1' }).end();
    else response.writeHead(204).end();
  });
  assert.deepEqual(await read(server, log(1), { onRetry: ({ delay }) => waits.push(delay) }), []);
  assert.deepEqual(waits, [1000]);
});

test('a 401 whose token is renewed', LIMIT, async () => {
  const events = log(2);
  const server = await start(({ headers }, response) => {
    if (headers.authorization !== 'Bearer 2') return response.writeHead(401).end('{}');
    head(response);
    return response.end(events.after());
  });
  let token = 0;
  assert.deepEqual(
    await read(server, events, { headers: async () => ({ authorization: `Bearer ${(token += 1)}` }) }),
    events.expected,
  );
  await assert.rejects(read(server, events, { headers: () => ({}) }), HttpError);
});

test('a redirect is followed on each attempt', LIMIT, async () => {
  const events = log(4);
  const server = await start(({ url, headers }, response, _, number) => {
    if (url === '/log') return response.writeHead(307, { location: '/moved' }).end();
    head(response);
    if (number === 2) return response.write(events.after().subarray(0, 150), () => response.destroy());
    return response.end(events.after(headers['last-event-id']));
  });
  assert.deepEqual(await read(server, events), events.expected);
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    ['/log', '/moved', '/log', '/moved'],
  );
});

test('an event of 16 MiB', LIMIT, async () => {
  const big = Buffer.alloc(1 << 24, 'x');
  const server = await start((_, response) => {
    head(response);
    response.write('data: ');
    response.write(big);
    response.end('\n\nevent: done\ndata\n\n');
  });
  const [event] = await read(server, { route: { method: 'GET', path: '/', last: ['done'] } });
  const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
  assert.equal(hash(event.data), hash(big));
});

test('a slow consumer stops the server', LIMIT, async () => {
  let written = 0;
  const piece = `data: ${'x'.repeat(1 << 16)}\n\n`;
  const server = await start((_, response) => {
    head(response);
    const write = () => {
      if (written >= 1 << 28) return response.end();
      written += piece.length;
      return response.write(piece) ? setImmediate(write) : response.once('drain', write);
    };
    response.on('error', () => {});
    write();
  });
  const iterator = new Client({ baseUrl: server.url }).stream({ method: 'GET', path: '/' }, {})[Symbol.asyncIterator]();
  await iterator.next();
  // The server is blocked once it has written nothing for a while. A slow machine makes this wait longer, not fail.
  let before;
  do {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  } while (written > before);
  assert.ok(written < 1 << 26, `${written} bytes were written for one event`);
  await iterator.return();
});

test('an abort closes the socket', LIMIT, async () => {
  let closed;
  const server = await start((_, response) => {
    closed = once(response, 'close');
    head(response);
    response.write('id: 1\nevent: tick\ndata: 1\n\n');
  });
  const abort = new AbortController();
  for await (const _ of new Client({ baseUrl: server.url }).stream(log(1).route, {}, { signal: abort.signal }))
    abort.abort();
  await closed;
});
