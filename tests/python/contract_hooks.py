"""Hooks of Schemathesis, which test_contract.py starts with this module.

They prepare the server before a call, so that each stream has events, and record each call in the file CALLS. With
DIALECT=value, the document describes the data of events as values, so the data is parsed before it is validated.
"""

import itertools
import json
import os
import threading

import requests
import schemathesis

from event_stream import parse
from fixture import PATIENCE

# Texts that are hard on a line-based format.
TEXTS = ["hello", "two\nlines", "\r\n\r\ndata: x", " \u2028\u0085", '"\\', "event: said", "😀"]


class Publisher(threading.Thread):
    """Says something in a room until the stream of a client is read: a client with an id gets new events only."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.is_read = threading.Event()

    def run(self) -> None:
        for number, text in enumerate(itertools.cycle(TEXTS)):
            message = {"author": str(number), "text": text}
            # A room whose name is refused has no stream, either.
            if not requests.post(self.url, json=message, timeout=PATIENCE).ok or self.is_read.wait(0.01):
                return


publisher: Publisher | None = None


def stop_publisher() -> None:
    global publisher
    if publisher:
        publisher.is_read.set()
        publisher.join()
    publisher = None


@schemathesis.hook
def before_call(_context, case, _kwargs) -> None:
    global publisher
    stop_publisher()
    url = case.operation.base_url.rstrip("/") + case.formatted_path
    if case.operation.label == "GET /rooms/{room}":
        publisher = Publisher(url)
        publisher.start()
    elif case.operation.label in ("GET /answers/{id}", "POST /answers/{id}/stop"):
        requests.post(url.removesuffix("/stop"), json={"question": "Why?"}, timeout=PATIENCE)


@schemathesis.hook
def after_call(_context, case, response) -> None:
    stop_publisher()
    is_stream = response.headers.get("content-type") == ["text/event-stream"]
    call = {
        "operation": case.operation.label,
        "status": response.status_code,
        "events": [event.event for event in parse(response.content)] if is_stream else [],
    }
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps(call) + "\n")


def data_schemas(operation) -> dict:
    """The schema of the data of each event of a stream."""
    document = operation.schema.raw_schema
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    name = responses["200"]["content"]["text/event-stream"]["itemSchema"]["$ref"].split("/")[-1]
    branches = document["components"]["schemas"][name]["oneOf"]
    return {branch["title"]: branch["properties"]["data"] for branch in branches}


if os.environ.get("DIALECT") == "value":

    @schemathesis.deserializer("text/event-stream")
    def values(context, response) -> list:
        schemas = data_schemas(context.operation)
        events = []
        for event in parse(response.content):
            is_text = schemas.get(event.event) in ({"type": "string"}, {"const": ""}, None)
            data = event.data if is_text else json.loads(event.data)
            events.append({"event": event.event, "data": data})
        return events
