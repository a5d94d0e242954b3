// Debian's Chromium, headless and with a new profile.

import { existsSync } from 'node:fs';
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

// playwright's `launch` makes a profile of its own and removes it at the end.
export async function launch() {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing; install Debian's chromium or set CHROMIUM`);
  }
  return chromium.launch({ executablePath, headless: true, args: ARGS, timeout: 60_000 });
}
