// A `fetch` without a network, for tests in which time matters: each attempt takes the next answer of a list.

const encoder = new TextEncoder();

// A body of these pieces. It then ends, or fails, or stays open until it is aborted.
export function body(pieces, then = 'end', signal) {
  let next = 0;
  return new ReadableStream(
    {
      start(controller) {
        signal?.addEventListener('abort', () => controller.error(signal.reason));
      },
      pull(controller) {
        if (next < pieces.length) {
          const piece = pieces[next++];
          controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece);
        } else if (then === 'end') controller.close();
        else if (then === 'fail') controller.error(new TypeError('terminated'));
        else return new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

// An answer that is an event stream.
export function stream(pieces, then) {
  return ({ signal }) =>
    new Response(body([pieces].flat(), then, signal), { headers: { 'content-type': 'text/event-stream' } });
}

export function status(code, headers = {}, text = null) {
  return () => new Response(text, { status: code, headers });
}

export function refused() {
  throw new TypeError('fetch failed');
}

// A request that is not answered before it is aborted.
export function silent({ signal }) {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

// The last answer is repeated. `requests` has the `init` of each attempt, with its `url`.
export function fakeFetch(...answers) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    return answers[Math.min(requests.length, answers.length) - 1](init);
  };
  return { fetch, requests, ids: () => requests.map(({ headers }) => headers.get('last-event-id')) };
}

// Lets every promise that needs no timer and no network go on.
export async function settle() {
  for (let left = 20; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function collect(events, limit = Infinity) {
  const all = [];
  if (limit === 0) return all;
  for await (const event of events) {
    all.push(event);
    if (all.length >= limit) break;
  }
  return all;
}
