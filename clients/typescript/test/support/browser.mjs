// Debian's Chromium, headless and with a new profile, on a page that has the runtime.

import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox', // Containers run as root, where the sandbox does not start.
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  // Everything that would connect to anything but the server under test.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: ARGS,
    // playwright switches the cache off that `pageshow` is about.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    timeout: 60_000,
  });
}

const FILES = new Map([
  ['/', ['text/html', '<!doctype html><title>test</title><link rel="icon" href="data:,">']],
  ['/other', ['text/html', '<!doctype html><title>other</title><link rel="icon" href="data:,">']],
  ['/runtime.mjs', ['text/javascript', new URL('../../dist/runtime.mjs', import.meta.url)]],
  ['/react.mjs', ['text/javascript', new URL('../../dist/react-test.mjs', import.meta.url)]],
]);

// Answers requests for the page. False for any other request.
export function page({ url }, response) {
  const file = FILES.get(url);
  if (!file) return false;
  const [type, content] = file;
  Promise.resolve(content instanceof URL ? readFile(content) : content).then((bytes) => {
    // `no-store` would keep the page out of the cache of pages.
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(bytes);
  });
  return true;
}
