// Tells the fixture what to send. An item is { data?, event?, id?, retry?, comment? }, all texts
// but `retry`, which is in milliseconds; an item without `data` fires nothing at the client.

// Keeps a list at the fixture. Gives the path that streams it from its start at each request.
export async function post(fixture, items) {
  const response = await fetch(`${fixture}/corpus`, { method: 'POST', body: JSON.stringify(items) });
  const text = await response.text();
  if (!response.ok) throw new Error(`the fixture refused the list: ${response.status} ${text}`);
  return `/corpus/${text}`;
}

// With which `Last-Event-ID` each request for the path came; null where it had none.
export async function seen(fixture, path) {
  const response = await fetch(`${fixture}${path}/seen`);
  if (!response.ok) throw new Error(`the fixture knows no ${path}: ${response.status}`);
  return response.json();
}

// What the protocol makes of a text: each line end arrives as LF, all else as it is. Written
// apart from touka's encoder on purpose.
export function arrives(text) {
  return text.replace(/\r\n?/g, '\n');
}
