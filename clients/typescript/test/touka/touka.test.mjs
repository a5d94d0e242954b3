// The runtime against servers of touka: a topic whose process is killed, and a run whose viewers lose their network.
//
// `npm run test:touka` runs this file. The programs must be built: tests/browser/support/server.mjs says how.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startCutter } from '../../../../tests/browser/support/cutter.mjs';
import { publish } from '../../../../tests/browser/support/publisher.mjs';
import { freePort, start } from '../../../../tests/browser/support/server.mjs';
import { Client, GapError } from '../../dist/runtime.mjs';
import { collect } from '../support/fake.mjs';

const LIMIT = { timeout: 240_000 };
const NUMBERS = { method: 'GET', path: '/events', resumes: true, events: { message: 'json', gap: 'json' } };
const END = { done: 'json', failed: 'json', cancelled: 'json', lost: 'json' };
const ASK = {
  method: 'POST',
  path: '/turns/{id}',
  body: 'json',
  resumes: true,
  events: { asked: 'json', delta: 'json', gap: 'json', ...END },
  last: Object.keys(END),
};
const FOLLOW = { method: 'GET', path: '/turns/{id}', resumes: true };
const STOP = { method: 'POST', path: '/turns/{id}/stop' };

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touka-typescript-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('each number of a topic arrives once, through five kills', LIMIT, async (t) => {
  const port = await freePort();
  const run = () => start('topic', port, join(folder, 'events.touka'));
  let server = await run();
  t.after(() => server.stop('SIGKILL'));
  const client = new Client({ baseUrl: server.url });
  let publisher;
  t.after(() => publisher?.stop());
  const saved = [];
  let seen = 0;
  const stream = client.stream(
    NUMBERS,
    {},
    {
      store: { load: () => undefined, save: (id) => saved.push(id) },
      // A client without an id begins with the next event, so nothing is published before the connection.
      onOpen: () => {
        publisher ??= publish(server.url);
      },
    },
  );
  for await (const { event, data } of stream) {
    assert.equal(event, 'message');
    assert.equal(data, (seen += 1));
    if (seen % 30) continue;
    if (seen === 180) break;
    await server.stop('SIGKILL');
    server = await run();
  }
  // The opening position, and each event that was followed by another one.
  assert.equal(saved.length, 180);
  assert.equal(new Set(saved).size, 180);
  await publisher.stop();

  // A new client continues after the id that was saved last.
  const [next] = await collect(client.stream(NUMBERS, {}, { lastEventId: saved.at(-1) }), 1);
  assert.equal(next.data, 180);

  // Gaps.
  const [gap] = await collect(client.stream(NUMBERS, {}, { lastEventId: 'nonsense' }), 1);
  assert.deepEqual(
    [gap.event, gap.data.reason, gap.data.from, gap.data.resumed_at],
    ['gap', 'malformed', 'nonsense', gap.id],
  );
  await assert.rejects(collect(client.stream(NUMBERS, {}, { lastEventId: 'nonsense', onGap: 'throw' })), GapError);
});

// A session of the example `assistant`, over a network that can be cut.
async function session(t, pace) {
  const server = await start('assistant', 0, pace);
  t.after(() => server.stop('SIGKILL'));
  const cutter = await startCutter(server.url);
  t.after(() => cutter.stop());
  const cookie = (await fetch(server.url)).headers.get('set-cookie').split(';')[0];
  const client = new Client({ baseUrl: cutter.url, headers: () => ({ cookie }) });
  return {
    cutter,
    run: (id) => client.run({ start: ASK, follow: FOLLOW, stop: STOP }, { id, body: { question: 'Why?' } }),
  };
}

const textOf = (events) =>
  events
    .filter(({ event }) => event === 'delta')
    .map(({ data }) => data.text)
    .join('');

test('a run arrives once, though its viewer loses the network', LIMIT, async (t) => {
  // Without delays, the run has not ended when the viewer is back.
  t.mock.method(Math, 'random', () => 0);
  const { cutter, run } = await session(t, '20');
  const whole = await collect(run('whole').start());
  assert.equal(whole.at(-1).event, 'done');
  const events = [];
  let losses = 0;
  const stream = run('cut').start({
    onRetry: () => {
      losses += 1;
      cutter.mend();
    },
  });
  for await (const event of stream) {
    events.push(event);
    if (events.length % 10 === 0) cutter.cut();
  }
  // The last cut may have come after the whole run had arrived.
  cutter.mend();
  assert.ok(losses >= 3);
  assert.equal(textOf(events), textOf(whole));
  assert.deepEqual([events[0].data, events.at(-1).event], [{ question: 'Why?' }, 'done']);
  assert.equal(new Set(events.map(({ id }) => id)).size, events.length);

  // A second start joins it, and one that has the end gets nothing.
  assert.equal(textOf(await collect(run('cut').start())), textOf(whole));
  assert.deepEqual(await collect(run('cut').follow({ lastEventId: events.at(-1).id })), []);
});

test('a run is stopped', LIMIT, async (t) => {
  const { run } = await session(t, '2000');
  const turn = run('stopped');
  const events = [];
  for await (const event of turn.start()) {
    events.push(event);
    if (events.length === 1) await turn.stop();
  }
  assert.equal(events.at(-1).event, 'cancelled');
  await turn.stop();
});
