"""Reads a whole event stream with the parser of sseclient-py."""

from sseclient import Event, SSEClient


def parse(content: bytes) -> list[Event]:
    return list(SSEClient([content]).events())
