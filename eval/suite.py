"""Suites: what is asked, what is measured, and what must hold for a change to ship.

A suite is a YAML file, by name under `eval/suites/` or by path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from app.core.errors import ConfigError
from eval.metrics import Group
from eval.ragas_wire import JudgedMetric, PlainMetric

FOLDER = Path(__file__).parent / "suites"


def _number(value: object) -> object:
    """`31/32` as a number: bars are counts of questions, and read best as such."""
    if isinstance(value, str) and "/" in value:
        try:
            return float(Fraction(value))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError("it is no fraction") from error
    return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of a suite refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bound(Part):
    """What a metric must keep to.

    Args:
        min: At least this.
        max: At most this.
        max_undetermined: At most this share of its questions may lack a value.
    """

    min: Number | None = None
    max: Number | None = None
    max_undetermined: Share = 0.0

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a gate needs min or max")
        return self


class Judge(Part):
    """The chat model that judges, pinned so that scores stay comparable.

    Its API is the one of `OPENAI_API_KEY` and `OPENAI_BASE_URL`; without one the metrics
    have no value.
    """

    model: str
    metrics: list[JudgedMetric] = Field(min_length=1)
    max_output_tokens: int = Field(4096, ge=1)
    concurrency: int = Field(4, ge=1)
    timeout_s: float = Field(60.0, gt=0)


class Ragas(Part):
    """What Ragas measures, in a process of its own, within `timeout_s`."""

    metrics: list[PlainMetric] = []
    judge: Judge | None = None
    timeout_s: float = Field(900.0, gt=0)


class Suite(Part):
    """A suite, read and checked.

    Args:
        ingest: Files and folders of the dataset's folder.
        settings: Settings that differ from the user's, as in `footnote.toml`.
        gates: Metric → bound. A metric that was not measured does not hold its gate.
    """

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    description: str = ""
    dataset: str
    ingest: list[str] = Field(["documents"], min_length=1)
    metrics: list[Group] = list(Group)
    settings: dict[str, dict[str, Any]] = {}
    ragas: Ragas | None = None
    gates: dict[str, Bound]


def load_suite(wanted: str) -> tuple[Suite, Path]:
    """A suite and the folder that its relative paths start from.

    Raises:
        ConfigError: There is no such suite, or it is faulty; the message names the key.
    """
    file = _find(wanted)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"suite {wanted} is not YAML", hint="mend its syntax") from error
    try:
        return Suite.model_validate(content), file.parent
    except ValidationError as error:
        faults = "; ".join(_fault(fault) for fault in error.errors(include_url=False))
        raise ConfigError(f"suite {wanted}: {faults}", hint="see eval/suites/smoke.yaml") from error


def list_suites() -> list[Suite]:
    """The suites that come along, by name."""
    return [load_suite(file.stem)[0] for file in sorted(FOLDER.glob("*.yaml"))]


def _find(wanted: str) -> Path:
    named = FOLDER / f"{wanted}.yaml"
    for file in (named, Path(wanted)):
        if file.is_file():
            return file
    names: Sequence[str] = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    raise ConfigError(
        f"there is no suite {wanted}", hint=f"there is: {', '.join(names)}; or name a YAML file"
    )


def _fault(fault: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    unknown = fault["type"] == "extra_forbidden"
    return f"unknown key {key}" if unknown else f"bad value for {key}: {fault['msg']}"
