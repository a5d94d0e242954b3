// Concatenates the runtime as touka does for a generated client, and removes its types for the tests.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build as bundle, transform } from 'esbuild';

const root = new URL('..', import.meta.url);

// The text of the runtime: the files of `src/order.txt` without their imports.
export async function runtime() {
  const names = (await readFile(new URL('src/order.txt', root), 'utf8')).split('\n').filter(Boolean);
  const texts = await Promise.all(names.map((name) => readFile(new URL(`src/${name}`, root), 'utf8')));
  return texts.join('\n').split('\n').filter((line) => !line.startsWith('import ')).join('\n');
}

async function build() {
  await mkdir(new URL('dist/', root), { recursive: true });
  const text = await runtime();
  await writeFile(new URL('dist/runtime.ts', root), text);
  const { code } = await transform(text, { loader: 'ts', target: 'es2022' });
  await writeFile(new URL('dist/runtime.mjs', root), code);
  // React's development build has the strict mode that the test is about.
  await bundle({
    entryPoints: [fileURLToPath(new URL('test/support/react-app.mjs', root))],
    outfile: fileURLToPath(new URL('dist/react-test.mjs', root)),
    bundle: true,
    format: 'esm',
    define: { 'process.env.NODE_ENV': '"development"' },
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) await build();
