"""The promise: the clients that people read event streams with report the published events and nothing else, whatever
else touka sends: keep-alives, comments, a reconnection time at the beginning, and one at the end.

Some of them deviate from the standard: they report a block without data as an event. docs/clients.md has the list.
"""

import re
import threading
import unittest
from concurrent.futures import Future, ThreadPoolExecutor

from clients import CLIENTS, Client
from fixture import Fixture, finish, script, seen

# Each stream that each client reads, and whether it has blocks without data.
STREAMS = {
    "a_handler": ({}, False),
    "a_topic": ({"topic": "bare"}, False),
    "a_topic_with_its_position": ({"topic": "position"}, True),
    "whole_blocks": ({"whole_blocks": True}, True),
}

fixture: Fixture
pool: ThreadPoolExecutor
# Clients that reconnect mostly wait, so all are started at once.
read: dict[tuple[str, str], Future] = {}


def setUpModule() -> None:
    global fixture, pool
    fixture = Fixture()
    pool = ThreadPoolExecutor(max_workers=len(CLIENTS) * len(STREAMS))
    for name, client in CLIENTS.items():
        for stream, (options, _) in STREAMS.items():
            read[name, stream] = pool.submit(read_to_its_end, client, options)


def tearDownModule() -> None:
    pool.shutdown()
    fixture.stop()


def read_to_its_end(client: Client, options: dict) -> tuple[list, Exception | None, list]:
    """The events that the client reports of a stream, the exception that it ends with, and the ids of its requests."""
    url = fixture.post(script(named=client.named, **options))
    is_left = threading.Event()
    finishing = threading.Thread(target=finish, args=(url, is_left), daemon=True)
    finishing.start()
    told: list = []
    try:
        for event in client.read(url):
            told.append(event)
    except Exception as error:
        is_left.set()
        finishing.join()
        return told, error, seen(url)
    finishing.join()
    return told, None, seen(url)


def expected(told: list, client: Client, topic: bool) -> list:
    """The published events, with the fields that the client exposes. A topic's ids are not known in advance."""
    events = []
    for n in (1, 2, 3):
        name = "message" if n == 2 and not client.named else "note"
        id = told[n - 1][2] if topic else str(n)
        tells = zip((name, f'{{"n":{n}}}', id), told[0])
        events.append(tuple(None if first is None else value for value, first in tells))
    return events


class Clients(unittest.TestCase):
    """One method for each client and stream, added below."""


def add(name: str, client: Client, stream: str) -> None:
    options, has_empty_blocks = STREAMS[stream]

    def test(self: unittest.TestCase) -> None:
        told, failure, ids = read[name, stream].result()
        if has_empty_blocks and isinstance(client.phantom, type):
            self.assertIsInstance(failure, client.phantom)
            return
        self.assertIsNone(failure)
        events = told
        if has_empty_blocks and client.phantom:
            events = [event for event in told if event[1]]
            self.assertLess(len(events), len(told), "no phantom event: docs/clients.md has to change")
        self.assertEqual(len(events), 3, told)
        self.assertEqual(events, expected(events, client, "topic" in options))
        if client.comes_back:
            # The stream sent `retry: 120000` when it opened, and a few seconds when it was closed.
            self.assertEqual(ids, [None, events[-1][2]])

    setattr(Clients, f"test_{re.sub(r'[^a-z0-9]+', '_', name)}_reads_{stream}", test)


for name, client in CLIENTS.items():
    for stream in STREAMS:
        add(name, client, stream)

if __name__ == "__main__":
    unittest.main()
