// A TCP proxy whose network can be lost. Sockets are destroyed and not reset: Node does not always close the handle of a
// socket that is reset, and a test would not exit.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export async function startCutter(url) {
  const { port, hostname } = new URL(url);
  const sockets = new Set();
  let isCut = false;
  const proxy = createServer((client) => {
    if (isCut) return client.destroy();
    const origin = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, origin],
      [origin, client],
    ]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    return origin;
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
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
