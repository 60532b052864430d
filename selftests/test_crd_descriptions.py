"""What a CRD loses on its way to the API server: descriptions, and nothing else."""

from typing import Any

import yaml

from seatrial.clusters.lws_manager import without_descriptions

CRD = b"""\
spec:
  names:
    kind: Example
  versions:
  - additionalPrinterColumns:
    - description: Age of it
      jsonPath: .metadata.creationTimestamp
    schema:
      openAPIV3Schema:
        description: One line, 'quoted' inside
        properties:
          description:
            description: |-
              A field that is called like this.

              description: not a key, but text
            type: string
          other:
            description: 'A quoted text: it goes on
              in the next line.'
            enum:
            - description
            maxLength: 3
          plain:
            description: A plain text that is wrapped
              by its writer
            type: object
        required:
        - description
        type: object
    served: true
"""


def _plain(value: Any, fields: bool = False) -> Any:
    """The parsed CRD without texts of that name; below `properties` names are those of fields."""
    if isinstance(value, dict):
        return {
            key: _plain(inner, key == "properties")
            for key, inner in value.items()
            if fields or key != "description" or not isinstance(inner, str)
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def test_only_descriptions_go() -> None:
    left = yaml.safe_load(without_descriptions(CRD))
    assert _plain(left) == _plain(yaml.safe_load(CRD))
    schema = left["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["description"] == {"type": "string"}
    assert "description" not in schema
    assert all("description" not in field for field in schema["properties"].values())


def test_a_crd_without_any_stays_as_it_is() -> None:
    bare = b"spec:\n  names:\n    kind: Example\n"
    assert without_descriptions(bare) == bare
