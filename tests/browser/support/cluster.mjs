// Runs the script of the example `cluster`, and kills its processes.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { built, ROOT, withTimeout } from './server.mjs';

// The script ends its own processes at this signal. A test that fails half way must not leave them running.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

// Starts the script on a free port, and waits until it prints the address of the page.
export async function startCluster() {
  // Long enough that a browser reconnects before the killed node is back.
  const env = { ...process.env, PROGRAM: built('cluster'), RESTART: '5' };
  const child = spawn(join(ROOT, 'examples/cluster/start.sh'), ['0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  exited.catch(() => {});

  // The process id of each process, by the name that the script prints: a, b and Redis.
  const processes = new Map();
  const changed = new Set();
  let url;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const started = line.match(/^(?:node )?(\w+): .* kill it: kill -KILL (\d+)$/);
    if (started) processes.set(started[1], Number(started[2]));
    url ??= line.match(/^the page: (http:\S+)/)?.[1];
    for (const look of changed) look();
  });
  const until = (is, what) => {
    let look;
    const so = new Promise((resolve) => {
      look = () => is() && resolve();
      changed.add(look);
      look();
    });
    const ended = exited.then(() => Promise.reject(new Error(`the script ended before ${what}`)));
    return withTimeout(Promise.race([so, ended]), () => `not in time: ${what}`).finally(() => changed.delete(look));
  };
  await until(() => url, 'the address of the page');

  const killed = new Map();
  return {
    url,
    kill(name) {
      killed.set(name, processes.get(name));
      process.kill(processes.get(name), 'SIGKILL');
    },
    // Waits until the script has started the killed process again.
    restarted: (name) => until(() => processes.get(name) !== killed.get(name), `the restart of ${name}`),
    // Sends the signal to the script and waits for its end. Returns { code, signal }.
    stop(signal) {
      child.kill(signal);
      return withTimeout(exited, () => `the script is still there after ${signal}`);
    },
  };
}
