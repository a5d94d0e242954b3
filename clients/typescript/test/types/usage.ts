// The runtime as a generated client uses it. `tsc` checks this file; it is never run.

import { Client, type EventStream, type Run, type Route, type StreamOptions } from '../../dist/runtime.ts';

type RoomEvent =
  | { event: 'message'; data: { text: string }; id: string }
  | { event: 'left'; data: string; id: string }
  | { event: 'gap'; data: { reason: string }; id: string };

interface ListenParams {
  room: string;
  since?: number;
}

const LISTEN: Route = { method: 'GET', path: '/rooms/{room}', query: ['since'], events: { message: 'json', left: 'text', gap: 'json' }, resumes: true };
const client = new Client({ baseUrl: 'https://example.com', headers: async () => ({ authorization: 'Bearer 1' }), fetch });
const listen = (params: ListenParams, options?: StreamOptions<RoomEvent>): EventStream<RoomEvent> => client.stream(LISTEN, params, options);

export async function narrows(signal: AbortSignal | undefined): Promise<string> {
  for await (const event of listen({ room: '7' }, { signal, watchdog: 30_000, isLast: ({ event }) => event === 'left' })) {
    if (event.event === 'message') return event.data.text;
    if (event.event === 'left') return event.data.toUpperCase();
    // @ts-expect-error The data of a gap has no text.
    return event.data.text;
  }
  return '';
}

export function refuses(): void {
  listen({ room: '7' }, { transport: 'eventsource', onGap: ({ reason }) => console.warn(reason) });
  listen({ room: '7' }, { store: { load: () => localStorage.getItem('id'), save: (id) => localStorage.setItem('id', id) } });
  // @ts-expect-error An EventSource does not report comments.
  listen({ room: '7' }, { transport: 'eventsource', watchdog: 1 });
  // @ts-expect-error An EventSource sends no headers.
  listen({ room: '7' }, { transport: 'eventsource', headers: {} });
  // @ts-expect-error There is no such treatment.
  listen({ room: '7' }, { onGap: 'ignore' });
  // @ts-expect-error The parameter is missing.
  listen({});
}

export async function runs(): Promise<void> {
  const run: Run<RoomEvent> = client.run({ start: LISTEN }, { room: '7' });
  for await (const { id } of run.start()) console.log(id);
  await run.stop({ headers: { a: 'b' } });
  const plain: { a: number } = await client.call<{ a: number }>(LISTEN, { room: '7' });
  console.log(plain.a);
}
