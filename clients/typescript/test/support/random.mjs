// Random texts that are hard on a line-based format, from a seed, so that a failure can be repeated.

// mulberry32: small, and good enough to choose test cases.
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// SEED in the environment repeats a run.
export function chooseSeed() {
  return process.env.SEED ? Number(process.env.SEED) : Math.floor(Math.random() * 2 ** 32);
}

export function below(random, limit) {
  return Math.floor(random() * limit);
}

// Texts that parsers fail on: line ends, field syntax, a BOM or its bytes, line ends of other formats,
// characters of two to four bytes.
const AWKWARD = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\r\r',
  ':',
  ': ',
  ' ',
  '\t',
  '\0',
  '\uFEFF',
  '\u2028',
  '\u2029',
  '\u0085',
  '\u000b',
  'data',
  'data:',
  'data: ',
  'id: 1',
  'event: x',
  'retry: 1',
  'ï»¿',
  'é',
  '…',
  '🦀',
  '\uFFFD',
  '\u007f',
  '\uFFFF',
];

// Mostly awkward pieces, else any character except a lone surrogate, which UTF-8 cannot encode.
function piece(random) {
  if (random() < 0.7) return AWKWARD[below(random, AWKWARD.length)];
  if (random() < 0.5) return String.fromCodePoint(0x20 + below(random, 0x5f));
  const point = below(random, 0x110000 - 0x800);
  return String.fromCodePoint(point < 0xd800 ? point : point + 0x800);
}

export function text(random) {
  let made = '';
  for (let left = below(random, 12); left > 0; left -= 1) made += piece(random);
  return made;
}
