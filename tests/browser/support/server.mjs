// Runs the Rust programs under test: real processes, real signals.
//
// Builds nothing, so that a build does not count as a test's time. scripts/test.sh builds first.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

// Long enough for a machine whose cores are all busy.
const PATIENCE = 60_000;

const PROGRAMS = {
  'ai-sdk': { path: 'examples/ai-sdk', build: 'cargo build -p touka-examples --example ai-sdk' },
  assistant: { path: 'examples/assistant', build: 'cargo build -p touka-examples --example assistant' },
  cluster: { path: 'examples/cluster', build: 'cargo build -p touka-examples --example cluster' },
  contract: { path: 'examples/contract', build: 'cargo build -p touka-examples --example contract' },
  cors: { path: 'examples/cors', build: 'cargo build -p touka-examples --example cors' },
  dashboard: { path: 'examples/dashboard', build: 'cargo build -p touka-examples --example dashboard' },
  fixture: { path: 'touka-fixture', build: 'cargo build -p touka-tests --bin touka-fixture' },
  tokens: { path: 'examples/tokens', build: 'cargo build -p touka-examples --example tokens' },
  topic: { path: 'touka-topic-fixture', build: 'cargo build -p touka-tests --bin touka-topic-fixture' },
};

// Only cargo knows its target folder: CARGO_TARGET_DIR and any config file may move it.
let targetDirectory;
function target() {
  targetDirectory ??= JSON.parse(
    execFileSync('cargo', ['metadata', '--format-version', '1', '--no-deps'], {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    }),
  ).target_directory;
  return targetDirectory;
}

// A test that fails half way, or is stopped, must not leave its programs running.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// A port for a server that will be stopped and started again. It is outside the range that the kernel takes
// outgoing ports from: while the server is down, no other socket gets its port by chance, including those of
// the browser that tries to reconnect.
export async function freePort() {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port between 15000 and 30000');
}

// The path of a program's binary.
export function built(program) {
  const { path, build } = PROGRAMS[program];
  const binary = join(target(), 'debug', path);
  if (!existsSync(binary)) throw new Error(`${binary} is missing; build it first: ${build}`);
  return binary;
}

// Starts a program and waits until it prints its address. `program` is a key of PROGRAMS, `more` are its
// arguments after the address.
export async function start(program, port = 0, ...more) {
  const binary = built(program);
  const child = spawn(binary, [`127.0.0.1:${port}`, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  exited.catch(() => {});

  let printed = '';
  const keep = (line) => {
    // Only the end of the output is kept, which shows the cause of a failure.
    printed = `${printed}${line}\n`.slice(-20_000);
  };
  createInterface({ input: child.stderr }).on('line', keep);
  const url = await withTimeout(
    new Promise((resolve, reject) => {
      // Both pipes are read to their end: a full pipe would block the program.
      createInterface({ input: child.stdout }).on('line', (line) => {
        keep(line);
        const found = line.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (found) resolve(found[0]);
      });
      exited.then(
        ({ code, signal }) => reject(new Error(`${program} ended (${code ?? signal}) before it was ready:\n${printed}`)),
        reject,
      );
    }),
    () => `${program} printed no address:\n${printed}`,
  ).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });

  return {
    url,
    // Sends the signal, after which the process goes on.
    signal(signal) {
      child.kill(signal);
    },
    // Sends the signal and waits for the end of the process. Returns { code, signal }.
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return withTimeout(exited, () => `${program} is still there after ${signal}:\n${printed}`);
    },
  };
}

export function withTimeout(promise, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
