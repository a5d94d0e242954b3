// The page of react.test.mjs: one component that shows a room, in React's strict mode.

import { createElement, StrictMode, useLayoutEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { useEvents } from '../../adapters/react.ts';
import { Client } from '../../dist/runtime.mjs';

const client = new Client();
const ROUTE = { method: 'GET', path: '/log/{room}', resumes: true, events: { tick: 'json', done: 'empty' }, last: ['done'] };

// The texts of each render, with the room that it is for.
window.renders = [];

function Room({ room, suffix }) {
  const { state, over, error } = useEvents(
    (signal) => client.stream(ROUTE, { room }, { signal }),
    (seen, { data, event }) => [...seen, (data ?? event) + suffix],
    [],
    [room],
  );
  const text = `${state.join(' ')}${over ? ' over' : ''}${error ? ` ${error.name} ${error.status}` : ''}`;
  useLayoutEffect(() => { window.renders.push([room, text]); });
  return createElement('p', null, text);
}

const root = createRoot(document.body.appendChild(document.createElement('div')));
window.show = (props) => root.render(createElement(StrictMode, null, props && createElement(Room, props)));
