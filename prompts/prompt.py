"""A prompt: two templates, the variables they take, and the form of the reply they ask for."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.errors import ConfigError
from prompts.template import TemplateFault, fill, used_variables

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Version = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$")]
RESERVED = {"self", "name"}  # the parameters of the render methods


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """Chat messages, system first, and the prompt and version they came from."""

    name: str
    version: str
    messages: list[dict[str, str]]


class Prompt(BaseModel):
    """One version of one prompt. `schema_` (in the file: `schema`) is the JSON it asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    version: Version
    description: str = Field(min_length=1)
    variables: dict[Name, str]
    system: str = Field(min_length=1)
    user: str = Field(min_length=1)
    output: Literal["text", "json"]
    schema_: dict[str, object] | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def _variables_match_templates(self) -> Self:
        used: set[str] = set()
        for part in ("system", "user"):
            try:
                used |= used_variables(getattr(self, part))
            except TemplateFault as fault:
                raise ValueError(f"{part} template: {fault}") from fault
        declared = set(self.variables)
        for names, fault_of in (
            (declared & RESERVED, "is a reserved name"),
            (declared - used, "is declared but used in neither template"),
            (used - declared, "is used but not declared under variables"),
        ):
            if names:
                raise ValueError(f"variable {', '.join(sorted(names))} {fault_of}")
        return self

    @model_validator(mode="after")
    def _schema_goes_with_json(self) -> Self:
        if (self.output == "json") != bool(self.schema_):
            raise ValueError("schema belongs to output json, and output json needs a schema")
        return self

    def render(self, **values: object) -> RenderedPrompt:
        """Fill both templates.

        Raises:
            ConfigError: a declared variable is missing, an undeclared one is given, or a value
                lacks a field that the template reads.
        """
        where = f"prompt {self.name} {self.version}"
        missing, extra = self.variables.keys() - values.keys(), values.keys() - self.variables
        for names, fault in ((missing, "needs a value for"), (extra, "has no variable")):
            if names:
                hint = f"its variables are: {', '.join(self.variables)}"
                raise ConfigError(f"{where} {fault} {', '.join(sorted(names))}", hint=hint)
        try:
            system, user = fill(self.system, values), fill(self.user, values)
        except TemplateFault as fault:
            raise ConfigError(f"{where} cannot be rendered: {fault}") from fault
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return RenderedPrompt(self.name, self.version, messages)
