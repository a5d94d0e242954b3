// A stream of numbered events, by an answer of the test's own for each request.

import { beforeEach, mock } from 'node:test';
import { Client } from '../../dist/runtime.mjs';
import { fakeFetch } from './fake.mjs';

export const ROUTE = {
  method: 'GET',
  path: '/events',
  resumes: true,
  events: { tick: 'json', text: 'text', ping: 'empty', gap: 'json', done: 'empty' },
  last: ['done'],
};
export const RAW = { method: 'GET', path: '/raw' };
export const GAP = 'id: 9\nevent: gap\ndata: {"reason":"trimmed","from":"1","resumed_at":"9"}\n\n';
export const DONE = 'id: end\nevent: done\ndata:\n\n';
export const tick = (id) => `id: ${id}\nevent: tick\ndata: ${id}\n\n`;
export const ids = (events) => events.map(({ id }) => id);

// Delays without luck: none at all.
beforeEach(() => {
  mock.restoreAll();
  mock.method(Math, 'random', () => 0);
});

export function open(answers, options = {}, route = ROUTE) {
  const fake = fakeFetch(...answers);
  const client = new Client({ baseUrl: 'http://x', fetch: fake.fetch });
  return { ...fake, client, events: client.stream(route, {}, options) };
}

// A store that records what is loaded and saved.
export function memory(first) {
  const saved = [];
  return { saved, load: async () => saved.at(-1) ?? first, save: async (id) => void saved.push(id) };
}
