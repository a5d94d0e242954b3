"""The promise: a server keeps to its contract. Schemathesis, which knows nothing of touka, calls every operation of the
document with good and bad requests, and validates each response and each event. It finds handlers that send what their
types do not allow, and no others.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict
from dataclasses import dataclass

import requests
import schemathesis

from event_stream import parse
from fixture import PATIENCE, Program

HERE = pathlib.Path(__file__).parent
# Of each operation, besides those that Schemathesis derives from the limits of the schemas.
EXAMPLES = 5


@dataclass(frozen=True)
class Run:
    """The report of Schemathesis, and the calls that it has made."""

    output: str
    report: dict
    calls: list

    def failed(self) -> dict:
        """The titles of the failures of each operation."""
        failed = defaultdict(set)
        for failure in self.report["failures"]:
            for operation in failure["operations"]:
                failed[operation].add(failure["title"])
        return dict(failed)

    def answered(self) -> set:
        """The operations that have answered a request with a success."""
        return {call["operation"] for call in self.calls if call["status"] < 300}

    def events(self, operation: str) -> set:
        """The names of the events that an operation has sent."""
        return {name for call in self.calls if call["operation"] == operation for name in call["events"]}


def run(url: str, dialect: str = "text") -> Run:
    with tempfile.TemporaryDirectory() as folder:
        report, calls = (pathlib.Path(folder, name) for name in ("report.json", "calls"))
        calls.touch()
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "contract_hooks",
            "PYTHONPATH": str(HERE),
            "DIALECT": dialect,
            "CALLS": str(calls),
        }
        done = subprocess.run(
            [
                pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "contract.toml",
                "run", url, "--generation-deterministic", "--max-examples", str(EXAMPLES), "--no-color",
                "--phases", "examples,coverage,fuzzing", "--request-timeout", str(PATIENCE),
                "--report-json-path", report,
            ],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        # Without a report, the output says why.
        text = report.read_text() if report.exists() else json.dumps({"failures": None, "output": done.stdout})
        return Run(done.stdout, json.loads(text), [json.loads(line) for line in calls.read_text().splitlines()])


class Contract(unittest.TestCase):
    maxDiff = None

    @classmethod
    def start(cls, path: str, build: str, *arguments: str) -> str:
        program = Program(path, build, *arguments)
        cls.addClassCleanup(program.stop)
        return program.url

    def assert_complete(self, run: Run) -> None:
        """Asserts that Schemathesis has called all operations, and had no errors of its own."""
        self.assertEqual(run.report["errors"], [], run.output)
        operations = run.report["operations"]
        self.assertEqual((operations["tested"], operations["errored"]), (operations["total"], 0), run.output)


class Example(Contract):
    """The example `contract`."""

    @classmethod
    def example(cls, pace: int) -> str:
        return cls.start("examples/contract", "cargo build -p touka-examples --example contract", str(pace))

    def test_every_response_and_every_event_is_valid(self) -> None:
        url = self.example(0)
        document = requests.get(f"{url}/openapi.json", timeout=PATIENCE).json()
        result = run(f"{url}/openapi.json")
        self.assert_complete(result)
        self.assertEqual(result.failed(), {}, result.output)
        every = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
        self.assertEqual(result.answered(), every)
        self.assertEqual(result.events("GET /rooms/{room}"), {"gap", "joined", "said"})
        for operation in ("POST /answers/{id}", "GET /answers/{id}"):
            self.assertLessEqual({"asked", "delta", "done"}, result.events(operation))

    def test_every_end_of_an_answer_is_valid(self) -> None:
        # Long enough that a stop comes before the end.
        url = self.example(50)
        operation = schemathesis.openapi.from_url(f"{url}/openapi.json")["/answers/{id}"]["POST"]
        for id, question, stops, end in [("a1", "break", False, "failed"), ("a2", "Why?", True, "cancelled")]:
            answer = requests.post(f"{url}/answers/{id}", json={"question": question}, timeout=PATIENCE, stream=True)
            if stops:
                requests.post(f"{url}/answers/{id}/stop", timeout=PATIENCE).raise_for_status()
            self.assertEqual(parse(answer.content)[-1].event, end)
            operation.validate_response(answer)


class Fixture(Contract):
    """The fixture, of which some handlers do not keep to the contract."""

    # The first by `itemSchema`, the second by `schema`.
    EVENT = {"SSE event violates schema", "SSE stream violates schema"}
    FALSE = {
        "GET /false/data": EVENT,
        "GET /false/json": EVENT,
        "GET /false/name": EVENT,
        "GET /false/status": {"Undocumented status code"},
        "GET /false/body": {"Response violates schema"},
        "GET /false/content-type": {"Undocumented Content-Type"},
    }

    @classmethod
    def setUpClass(cls) -> None:
        cls.url = cls.start("touka-contract-fixture", "cargo build -p touka-tests --bin touka-contract-fixture")

    def test_handlers_that_send_something_else_are_found(self) -> None:
        result = run(f"{self.url}/openapi.json")
        self.assert_complete(result)
        self.assertEqual(result.failed(), self.FALSE, result.output)
        self.assertEqual(result.events("GET /true/events"), {"counted", "noted", "over"})

    def test_they_are_found_by_a_document_with_values(self) -> None:
        result = run(f"{self.url}/openapi-values.json", "value")
        self.assert_complete(result)
        # What is not JSON cannot be a value.
        expected = {**self.FALSE, "GET /false/json": {"JSON deserialization error"}}
        self.assertEqual(result.failed(), expected, result.output)


if __name__ == "__main__":
    unittest.main()
