// Posts the events that the fixture sends. An item is { data?, event?, id?, retry?, comment? }, all texts
// except `retry`, which is in milliseconds; an item without `data` fires no event at the client.

// Stores a list at the fixture. Returns the path that streams it from its start on each request.
export async function post(fixture, items) {
  const response = await fetch(`${fixture}/corpus`, { method: 'POST', body: JSON.stringify(items) });
  const text = await response.text();
  if (!response.ok) throw new Error(`the fixture refused the list: ${response.status} ${text}`);
  return `/corpus/${text}`;
}

// The `Last-Event-ID` of each request for the path; null without one.
export async function seen(fixture, path) {
  const response = await fetch(`${fixture}${path}/seen`);
  if (!response.ok) throw new Error(`the fixture does not know ${path}: ${response.status}`);
  return response.json();
}

// A text as the protocol delivers it: each line end arrives as LF, everything else unchanged. Independent of
// touka's encoder on purpose.
export function arrives(text) {
  return text.replace(/\r\n?/g, '\n');
}
