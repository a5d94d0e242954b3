// Scripts for the fixture: a stream's events, its silences, and its end.
//
// `quiet` is a silence: the fixture waits until the keep-alive has written that many bytes.

// A comment, two keep-alives before the first event, and silence between events and after the last. `topic`
// publishes the events to a topic that the client follows; only events with data then, because a topic gives
// each of them a position, which is a block.
export function script({ topic, wholeBlocks = false, named = false } = {}) {
  const quiet = { quiet: wholeBlocks ? 9 : 6 };
  const lines = topic ? [] : [{ comment: 'a comment' }, { retry: 120_000 }];
  return {
    // Longer than any test waits: a client that reconnects sooner has read a later `retry`.
    retry: 120_000,
    keep_alive: 40,
    whole_blocks: wholeBlocks,
    topic,
    stays: true,
    steps: [
      ...lines, quiet,
      { event: 'note', data: '{"n":1}', id: '1' }, quiet,
      { event: named ? 'note' : undefined, data: '{"n":2}', id: '2' }, ...lines, quiet,
      { event: 'note', data: '{"n":3}', id: '3' }, quiet,
    ],
  };
}

// The events that a client must report. A topic's ids are not known in advance.
export function expected({ topic, named = false } = {}) {
  return [1, 2, 3].map((n) => ({
    type: n === 2 && !named ? 'message' : 'note',
    data: JSON.stringify({ n }),
    id: topic ? undefined : String(n),
  }));
}

// Stores a script at the fixture. Returns the URL that plays it.
export async function post(fixture, body) {
  const response = await fetch(`${fixture}/scripts`, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`the fixture refused the script: ${response.status} ${text}`);
  return `${fixture}/scripts/${text}`;
}

// The `Last-Event-ID` of each request; null without one.
export async function seen(url) {
  return (await state(url)).seen;
}

// Waits until the last step is done, and closes the stream as a shutdown does.
export async function finish(url) {
  while (!(await state(url)).done) await new Promise((resolve) => setTimeout(resolve, 10));
  const response = await fetch(url, { method: 'DELETE' });
  if (!response.ok) throw new Error(`the stream has ended already: ${response.status}`);
}

async function state(url) {
  const response = await fetch(`${url}/state`);
  if (!response.ok) throw new Error(`the fixture does not know ${url}: ${response.status}`);
  return response.json();
}
