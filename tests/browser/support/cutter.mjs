// A TCP proxy whose network can be lost: a browser's own offline mode leaves open connections alone. Sockets are destroyed
// and not reset: Node does not always close the handle of a socket that is reset, and a test would not exit.

import { connect, createServer } from 'node:net';

// Starts a proxy for a server with this URL.
export async function startCutter(url) {
  const target = new URL(url);
  const open = new Set();
  let isCut = false;
  const state = { refused: 0 };
  const proxy = createServer((client) => {
    if (isCut) {
      state.refused += 1;
      client.destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    for (const [from, to] of [[client, server], [server, client]]) {
      open.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    // The number of connections that were refused.
    state,
    // Breaks all connections, and refuses new ones.
    cut,
    // Lets connections through again.
    mend() {
      isCut = false;
    },
    stop() {
      cut();
      proxy.close();
    },
  };
}
