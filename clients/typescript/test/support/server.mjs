// A server on a loopback port that records its requests and can be killed and started again on its port.

import { once } from 'node:events';
import { createServer } from 'node:http';

export async function serve(handler, port = 0) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body, id: headers['last-event-id'] });
    handler(request, response, body, requests.length);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    ids: () => requests.map(({ id }) => id),
    closeConnections: () => server.closeAllConnections(),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function head(response, headers = {}) {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
}

// A log of events with the ids 1 to n, and a last event. `after(id)` is the text that follows an id.
export function log(n) {
  const text = (index) => `: é\nid: ${index}\nevent: tick\ndata: {"n":${index},"s":"a🦀\\n"}\n\n`;
  return {
    route: { method: 'GET', path: '/log', resumes: true, events: { tick: 'json', done: 'empty' }, last: ['done'] },
    after(id = '0') {
      let made = '';
      for (let index = Number(id) + 1; index <= n; index += 1) made += text(index);
      return Buffer.from(`${made}id: ${n}\nevent: done\ndata:\n\n`);
    },
    // The events that a client must get, each once.
    expected: [
      ...Array.from({ length: n }, (_, index) => ({
        event: 'tick',
        data: { n: index + 1, s: 'a🦀\n' },
        id: `${index + 1}`,
      })),
      { event: 'done', data: undefined, id: `${n}` },
    ],
  };
}
