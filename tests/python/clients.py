"""The clients that people read event streams with: how each package is called, without any adaptation.

Each `read_…` reads a stream until it has ended, and yields `(name, data, id)` of each event that the client reports;
None stands for a field that the client's API does not expose.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Callable, Iterator

import anthropic
import httpx
import httpx2
import httpx_sse
import openai
import requests
import requests_sse
import sseclient
from aiohttp_sse_client2 import client as aiohttp_sse


def read_httpx_sse(url: str) -> Iterator[tuple]:
    with httpx.Client(timeout=60) as http, httpx_sse.connect_sse(http, "GET", url) as source:
        for event in source.iter_sse():
            yield event.event, event.data, event.id


def read_openai(url: str) -> Iterator[tuple]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        stream = client.post("/chat/completions", body={}, cast_to=object, stream=True, stream_cls=openai.Stream[object])
        for data in stream:
            yield None, json.dumps(data, separators=(",", ":")), None


def read_anthropic(url: str) -> Iterator[tuple]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        stream = client.post("/v1/messages", body={}, cast_to=object, stream=True, stream_cls=anthropic.Stream[object])
        for data in stream:
            yield None, json.dumps(data, separators=(",", ":")), None


def read_anthropic_raw(url: str) -> Iterator[tuple]:
    with httpx2.stream("POST", f"{url}/v1/messages", timeout=60) as response:
        for event in anthropic.Stream.raw_events(response):
            yield event.event or "message", event.data, event.id


def read_sseclient(url: str) -> Iterator[tuple]:
    with requests.get(url, stream=True, timeout=60) as response:
        for event in sseclient.SSEClient(response).events():
            yield event.event, event.data, event.id


def read_requests_sse(url: str) -> Iterator[tuple]:
    try:
        with requests_sse.EventSource(url, timeout=60) as source:
            for event in source:
                yield event.type, event.data, event.last_event_id
    except requests_sse.InvalidStatusCodeError as error:
        if error.status_code != 204:
            raise


def read_aiohttp_sse_client2(url: str) -> Iterator[tuple]:
    async def read() -> list:
        told = []
        try:
            async with aiohttp_sse.EventSource(url) as source:
                async for event in source:
                    told.append((event.type or "message", event.data, event.last_event_id))
        except ConnectionAbortedError as error:
            # This client raises at a 204.
            if "204" not in str(error):
                raise
        return told

    yield from asyncio.run(read())


@dataclass(frozen=True)
class Client:
    read: Callable[[str], Iterator[tuple]]
    # Drops events without a name.
    named: bool = False
    # Reconnects when the stream ends, as soon as the last `retry` says.
    comes_back: bool = False
    # The result of a block without data: nothing, an event without data, or an exception.
    phantom: object = None


CLIENTS = {
    "httpx-sse": Client(read_httpx_sse, phantom="event"),
    "openai": Client(read_openai, phantom=json.JSONDecodeError),
    "anthropic": Client(read_anthropic, named=True),
    "anthropic, raw events": Client(read_anthropic_raw, phantom="event"),
    "sseclient-py": Client(read_sseclient),
    "requests-sse": Client(read_requests_sse, comes_back=True),
    "aiohttp-sse-client2": Client(read_aiohttp_sse_client2, comes_back=True),
}
