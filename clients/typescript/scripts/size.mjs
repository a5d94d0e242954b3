// Prints the size of the runtime in bytes: minified, and minified and compressed.

import { gzipSync } from 'node:zlib';
import { transform } from 'esbuild';
import { runtime } from './build.mjs';

// `minify` keeps the names of exports, as they are in a generated client.
const { code } = await transform(await runtime(), { loader: 'ts', target: 'es2022', format: 'esm', minify: true });
console.log(`minified: ${code.length}`);
console.log(`gzip:     ${gzipSync(code, { level: 9 }).length}`);
