"""The promise: a document of a contract is one of OpenAPI 3.2, by the schema of its standard, and each schema in it is one
of JSON Schema 2020-12. Each way to damage a document is found, so that these checks are known to check something.
"""

import copy
import json
import unittest
from typing import Callable, Iterator

import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV32SpecValidator

from fixture import PATIENCE, ROOT, Program

SNAPSHOTS = ROOT / "tests/contract/snapshots"
# With the formats, so that patterns are regular expressions.
SCHEMA_OF_SCHEMAS = Draft202012Validator(
    Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
)
# In the object of a parameter, a header or a media type.
SCHEMAS = ("schema", "itemSchema")


def snapshot(name: str) -> dict:
    return json.loads((SNAPSHOTS / name).read_text())


def schemas(value: object) -> Iterator[object]:
    """The outermost schemas of an object of the document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in SCHEMAS:
                yield inner
            else:
                yield from schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas(inner)


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def errors(document: dict) -> list[str]:
    found = [error.message for error in OpenAPIV32SpecValidator(document).iter_errors()]
    components = document.get("components", {}).get("schemas", {})
    for schema in [*components.values(), *schemas(document["paths"])]:
        found.extend(error.message for error in SCHEMA_OF_SCHEMAS.iter_errors(schema))
    known = {f"#/components/schemas/{name}" for name in components}
    found.extend(f"{reference} leads nowhere" for reference in references(document) if reference not in known)
    return found


class Documents(unittest.TestCase):
    def test_a_document_with_every_kind_of_route_is_valid(self) -> None:
        for name in ("openapi.json", "openapi-values.json"):
            with self.subTest(name):
                self.assertEqual(errors(snapshot(name)), [])

    def test_the_document_of_a_server_is_valid(self) -> None:
        program = Program("examples/contract", "cargo build -p touka-examples --example contract")
        self.addCleanup(program.stop)
        response = requests.get(f"{program.url}/openapi.json", timeout=PATIENCE)
        self.assertEqual(response.headers["content-type"], "application/openapi+json;version=3.2")
        self.assertEqual(errors(response.json()), [])


class Damage(unittest.TestCase):
    """One method for each damage, added below."""


def stream(document: dict) -> dict:
    response = document["paths"]["/rooms/{room}"]["get"]["responses"]["200"]
    return response["content"]["text/event-stream"]


def branch(document: dict) -> dict:
    name = stream(document)["itemSchema"]["$ref"].split("/")[-1]
    return document["components"]["schemas"][name]["oneOf"][0]


def no_title(document: dict) -> None:
    del document["info"]["title"]


def no_patch_version(document: dict) -> None:
    document["openapi"] = "3.2"


def an_impossible_status(document: dict) -> None:
    document["paths"]["/rooms"]["get"]["responses"]["2000"] = {}


def an_unknown_place_of_a_parameter(document: dict) -> None:
    document["paths"]["/rooms"]["get"]["parameters"][0]["in"] = "body"


def a_parameter_without_a_schema(document: dict) -> None:
    del document["paths"]["/rooms"]["get"]["parameters"][0]["schema"]


def a_path_without_its_parameter(document: dict) -> None:
    document["paths"]["/rooms/{room}"]["get"]["parameters"] = []


def two_operations_of_one_id(document: dict) -> None:
    operations = document["paths"]["/rooms/{room}"]
    operations["post"]["operationId"] = operations["get"]["operationId"]


def an_unknown_member_of_a_media_type(document: dict) -> None:
    stream(document)["eventSchema"] = {}


def an_item_schema_that_is_none(document: dict) -> None:
    stream(document)["itemSchema"] = ["object"]


def an_unknown_type_in_a_parameter(document: dict) -> None:
    document["paths"]["/rooms"]["get"]["parameters"][0]["schema"]["type"] = "int"


def an_unknown_type_in_a_component(document: dict) -> None:
    document["components"]["schemas"]["Message"]["type"] = "struct"


def an_unknown_type_in_the_data_of_an_event(document: dict) -> None:
    branch(document)["properties"]["data"]["contentSchema"] = {"properties": {"text": {"type": "text"}}}


def a_reference_to_nothing(document: dict) -> None:
    branch(document)["properties"]["data"]["contentSchema"] = {"$ref": "#/components/schemas/Nothing"}


def add(damage: Callable[[dict], None]) -> None:
    def test(self: unittest.TestCase) -> None:
        whole = snapshot("openapi.json")
        damaged = copy.deepcopy(whole)
        damage(damaged)
        self.assertNotEqual(damaged, whole)
        self.assertNotEqual(errors(damaged), [])

    setattr(Damage, f"test_{damage.__name__}_is_found", test)


for damage in (
    no_title,
    no_patch_version,
    an_impossible_status,
    an_unknown_place_of_a_parameter,
    a_parameter_without_a_schema,
    a_path_without_its_parameter,
    two_operations_of_one_id,
    an_unknown_member_of_a_media_type,
    an_item_schema_that_is_none,
    an_unknown_type_in_a_parameter,
    an_unknown_type_in_a_component,
    an_unknown_type_in_the_data_of_an_event,
    a_reference_to_nothing,
):
    add(damage)

if __name__ == "__main__":
    unittest.main()
