// The promise: a page that knows the server only by its contract is checked by TypeScript, and works. The client is written
// by the server's program, and `tsc` alone makes scripts of it and of the page.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { launch } from './support/browser.mjs';
import { startCutter } from './support/cutter.mjs';
import { built, ROOT, start } from './support/server.mjs';

const LIMIT = { timeout: 240_000 };
// By time and not by frame: one of two tabs is in the background, where no frames are drawn.
const PATIENCE = { timeout: 60_000, polling: 50 };
const PAGE = join(ROOT, 'examples/contract/page');
const TSC = join(ROOT, 'tests/browser/node_modules/.bin/tsc');
// Milliseconds for a word. An answer has about a hundred words.
const AT_ONCE = '0';
const FOR_EVER = '2000';

let browser;
let folder;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'touka-contract-'));
  await copyPage(folder);
  assert.deepEqual(await compile(folder), []);
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('a page that expects something else does not compile', LIMIT, async () => {
  const page = await readFile(join(PAGE, 'page.ts'), 'utf8');
  for (const [known, unknown, error] of [
    // A field, an event without its case, an event that is not sent, a body, a capture.
    ['event.data.authors', 'event.data.writers', 'TS2339'],
    ["    case 'gap':\n", "    case 'gap' as never:\n", 'TS1360'],
    ["event.event === 'failed'", "event.event === 'faild'", 'TS2367'],
    ['text: text.value', 'words: text.value', 'TS2353'],
    ['rooms.listen({ room }', 'rooms.listen({}', 'TS2741'],
  ]) {
    const changed = page.replace(known, unknown);
    assert.notEqual(changed, page);
    const copy = join(folder, 'changed');
    await mkdir(copy, { recursive: true });
    await copyPage(copy);
    await writeFile(join(copy, 'page.ts'), changed);
    const errors = await compile(copy);
    assert.ok(errors.some((line) => line.includes(error)), `${unknown}: ${errors.join('\n')}`);
  }
});

test('the client of every kind of route is strict TypeScript', LIMIT, async () => {
  const MARK = '// The types of the app.\n';
  const [runtime] = (await readFile(join(folder, 'api.ts'), 'utf8')).split(MARK);
  const snapshot = await readFile(join(ROOT, 'tests/contract/snapshots/client.ts'), 'utf8');
  const whole = join(folder, 'every.ts');
  await writeFile(whole, runtime + MARK + snapshot);
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noUnusedLocals'];
  const target = ['--target', 'es2022', '--module', 'es2022', '--lib', 'es2022,dom,dom.iterable'];
  assert.deepEqual(await tsc('--noEmit', '--ignoreConfig', ...strict, ...target, whole), []);
  await writeFile(whole, `${runtime}${MARK}${snapshot}const wrong: Message = { author: 1 };\n`);
  assert.notDeepEqual(await tsc('--noEmit', '--ignoreConfig', ...strict, ...target, whole), []);
});

test('two tabs show each message once', LIMIT, async (t) => {
  const server = await serve(t, AT_ONCE);
  const cutter = await startCutter(server.url);
  t.after(() => cutter.stop());
  // One tab through a network that is lost, the other one beside it.
  const [across, beside] = [await open(t, cutter.url), await open(t, server.url)];
  const expected = [];
  const says = async (tab, text) => {
    await tab.fill('#text', text);
    await tab.press('#text', 'Enter');
    expected.push(`Ada: ${text}`);
    await shows(beside, expected);
  };

  await says(across, 'hello');
  await says(beside, '<b>two</b>  “words”');
  await shows(across, expected);
  await across.reload();
  await shows(across, expected);
  await says(across, 'after the reload');
  await shows(across, expected);

  cutter.cut();
  await across.waitForFunction(() => document.getElementById('state').textContent.includes('lost'), null, PATIENCE);
  await says(beside, 'without a network');
  await says(beside, 'still without');
  assert.deepEqual(await messages(across), expected.slice(0, 3));
  cutter.mend();
  await shows(across, expected);
  await says(across, 'again');
  await shows(across, expected);
  assert.deepEqual(await across.$$eval('#log .missed', (lines) => lines.map((line) => line.textContent)), []);

  // What the server refuses, and why.
  await across.fill('#author', 'x'.repeat(33));
  await across.fill('#text', 'too long a name');
  await across.press('#text', 'Enter');
  await across.waitForFunction(() => document.querySelector('#log .missed'), null, PATIENCE);
  assert.match(await across.textContent('#log .missed'), /longer than 32 characters/);
  assert.deepEqual(await messages(across), expected);
});

test('a page asks, shows the answer, and stops it', LIMIT, async (t) => {
  const quick = await open(t, (await serve(t, AT_ONCE)).url);
  await asks(quick, 'Why?');
  await becomes(quick, 'done');
  const whole = await quick.textContent('#log .answer');
  assert.ok(whole.startsWith('“Why?”: ') && whole.endsWith('.'), whole);

  const slow = await open(t, (await serve(t, FOR_EVER)).url);
  await asks(slow, 'Why?');
  await slow.waitForFunction(() => document.querySelector('#log .answer')?.textContent, null, PATIENCE);
  await slow.click('#log .answer');
  await becomes(slow, 'cancelled');
  const begun = await slow.textContent('#log .answer');
  assert.ok(begun.length < whole.length && whole.startsWith(begun), begun);
});

// The page's source with the client that the program writes.
async function copyPage(to) {
  for (const file of ['page.ts', 'tsconfig.json']) await copyFile(join(PAGE, file), join(to, file));
  await promisify(execFile)(built('contract'), ['--typescript', join(to, 'api.ts')]);
}

// The errors of `tsc`, which writes the scripts to `built/`.
function compile(project) {
  return tsc('-p', project);
}

async function tsc(...options) {
  try {
    await promisify(execFile)(TSC, options);
    return [];
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return `${error.stdout}${error.stderr}`.trim().split('\n');
  }
}

async function serve(t, pace) {
  const server = await start('contract', 0, pace, join(folder, 'built'));
  t.after(() => server.stop('SIGKILL'));
  return server;
}

// A tab that has entered the room.
async function open(t, url) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  await tab.goto(url);
  await tab.waitForFunction(() => document.getElementById('state').textContent === 'In den', null, PATIENCE);
  return tab;
}

function messages(tab) {
  return tab.$$eval('#log .said', (lines) => lines.map((line) => line.textContent));
}

// Waits for as many messages, and asserts that they are these.
async function shows(tab, expected) {
  await tab.waitForFunction(
    (count) => document.querySelectorAll('#log .said').length >= count,
    expected.length,
    PATIENCE,
  );
  assert.deepEqual(await messages(tab), expected);
}

async function asks(tab, question) {
  await tab.fill('#question', question);
  await tab.press('#question', 'Enter');
}

// Waits for the end of the answer, and asserts that it is this one.
async function becomes(tab, state) {
  await tab.waitForFunction(
    () => !['writing', undefined].includes(document.querySelector('#log .answer')?.dataset.state),
    null,
    PATIENCE,
  );
  assert.equal(await tab.getAttribute('#log .answer', 'data-state'), state);
}
