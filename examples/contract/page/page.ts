// The page of the chat. All that it knows of the server is in api.ts, which the server's program has written.

import { HttpError, api, type Message, type RoomsListenEvent } from './api.ts';

/** The element with this id. */
function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} of the id ${id}`);
  return found;
}

const log = element('log', HTMLElement);
const state = element('state', HTMLElement);
const author = element('author', HTMLInputElement);
const room = element('room', HTMLInputElement);
const text = element('text', HTMLInputElement);
const question = element('question', HTMLInputElement);

/** A new line of the log. Texts of others are inserted as text, never as HTML. */
function line(kind: string, words: string): HTMLElement {
  const added = document.createElement('p');
  added.className = kind;
  added.textContent = words;
  log.append(added);
  added.scrollIntoView({ block: 'end' });
  return added;
}

function said({ number, author, text, mood, isFirst }: Message): void {
  const added = line(`said ${mood}`, `${author}: ${text}`);
  added.dataset['number'] = String(number);
  if (isFirst) added.classList.add('first');
}

/** Shows an event. TypeScript knows the data of each, and that there are no others. */
function show(event: RoomsListenEvent): void {
  switch (event.event) {
    case 'said':
      return said(event.data);
    case 'joined':
      return void line('joined', `${event.data.author} is here: author number ${event.data.authors}`);
    case 'gap':
      return void line('missed', `Some messages may be missing here: ${event.data.reason}.`);
    case 'error':
      return void line('missed', event.data.title);
    default:
      return event satisfies never;
  }
}

let listening = new AbortController();

/** Enters a room, and leaves the last one. */
async function enter(room: string): Promise<void> {
  listening.abort();
  listening = new AbortController();
  const { signal } = listening;
  log.replaceChildren();
  history.replaceState(null, '', `#${encodeURIComponent(room)}`);
  state.textContent = `Entering ${room}…`;
  try {
    // The client reconnects, and continues after the last event that it has delivered.
    const events = api.rooms.listen({ room }, {
      signal,
      onOpen: () => (state.textContent = `In ${room}`),
      onRetry: () => (state.textContent = 'Connection lost, coming back…'),
    });
    for await (const event of events) show(event);
  } catch (error) {
    if (!signal.aborted) state.textContent = reason(error);
  }
}

/** Asks a question, and shows the answer as it is written. A click on the answer stops it. */
async function ask(question: string): Promise<void> {
  const run = api.answers.askRun({ id: crypto.randomUUID(), body: { question } });
  const answer = line('answer', '');
  answer.dataset['state'] = 'writing';
  answer.onclick = () => void run.stop();
  try {
    for await (const event of run.start()) {
      if (event.event === 'delta') answer.textContent += event.data.text;
      else if (event.event === 'failed') line('missed', `The answer has failed: ${event.data.title}`);
      if (event.event !== 'asked' && event.event !== 'delta') answer.dataset['state'] = event.event;
    }
  } catch (error) {
    line('missed', reason(error));
  }
}

/** The reason of a failure. The server's own is a line of text. */
function reason(error: unknown): string {
  return error instanceof HttpError ? error.body : String(error);
}

function submitted(form: string, act: () => Promise<unknown>): void {
  element(form, HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    act().catch((error: unknown) => line('missed', reason(error)));
  };
}

submitted('enter', () => enter(room.value));
submitted('say', async () => {
  await api.rooms.say({ room: room.value, body: { author: author.value, text: text.value } });
  text.value = '';
});
submitted('ask', async () => {
  const asked = question.value;
  question.value = '';
  await ask(asked);
});

room.value = decodeURIComponent(location.hash.slice(1)) || 'den';
void enter(room.value);
