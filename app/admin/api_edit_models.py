"""The body of `/v1/config/history`, for the admin API's OpenAPI description."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["EditsOut"]


class ChangeOut(BaseModel):
    target: Annotated[str, Field(description="`Gateway`, `Route/orders`, `Upstream/orders` or `Key/acme`")]
    stanza: Annotated[str, Field(description="`rateLimit`, `circuitBreaker`, …, or route, upstream, key")]
    field: Annotated[str, Field(description="its path in the stanza, as `rules.per-client.requests`")]
    old: Annotated[JsonValue, Field(description="null where it was not set; never a secret")]
    new: Annotated[JsonValue, Field(description="null where it is not set; never a secret")]
    source: Annotated[str, Field(description="file, resource, environment or built-in")]
    policy: Annotated[str | None, Field(description="the policy, or the variable of the environment")]
    generation: Annotated[int | None, Field(description="of the policy's resource")]


class InverseOut(BaseModel):
    name: Annotated[
        str,
        Field(description="the policy's, `namespace/name` of a resource; `Route/orders`, `Upstream/orders`"),
    ]
    action: Annotated[Literal["change", "add", "remove"], Field(description="what puts it back")]
    where: Annotated[str, Field(description="`kubectl`, or the path of the file")]
    text: Annotated[str, Field(description="a command, or YAML; of what is to be removed what stands there")]


class EditOut(BaseModel):
    at: str
    sequence: int
    source: Annotated[
        str, Field(description="the file's path, `sync`, `configmap`, or `override` that ended")
    ]
    changes: list[ChangeOut]
    omitted: Annotated[int, Field(description="changes besides these, of an edit with more than 100")]
    inverse: Annotated[list[InverseOut], Field(description="what puts it back; the first 10")]


class EditsOut(BaseModel):
    """The last 20 configurations put in force since the start, newest first, by what they changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edits": [
                        {
                            "at": "2027-01-15T08:00:00.250Z",
                            "sequence": 8,
                            "source": "gateway.yaml",
                            "changes": [
                                {
                                    "target": "Gateway",
                                    "stanza": "rateLimit",
                                    "field": "rules.per-client.requests",
                                    "old": 1800,
                                    "new": 18,
                                    "source": "file",
                                    "policy": "defaults",
                                    "generation": None,
                                }
                            ],
                            "omitted": 0,
                            "inverse": [
                                {
                                    "name": "defaults",
                                    "action": "change",
                                    "where": "gateway.yaml",
                                    "text": "policies:\n  - name: defaults\n    spec: {…}\n",
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )

    edits: list[EditOut]
