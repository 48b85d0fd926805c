"""Checking a composed configuration against the options that a script declares.

The options are a dataclass with annotations and `Rule`s from `cadenza._options`. OmegaConf checks
and converts the types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cadenza._check import raise_if
from cadenza._options import Block, Rule
from cadenza.runner.arguments import ALIASES

KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list[float]: "a list of numbers",
    int | None: "a whole number or null",
    str | None: "text or null",
}
"""What a type is called in messages."""


@dataclass(frozen=True)
class Option:
    """A key that a script accepts.

    Parameters
    ----------
    key : str
        With its section, such as ``evaluate.noise``.
    kind : type
        Type of the value.
    rule : Rule
        What the value must be besides.
    """

    key: str
    kind: Any
    rule: Rule


def options_of(schema: type, section: str = "") -> Iterator[Option]:
    """All keys of a dataclass and of those inside it.

    Examples
    --------
    >>> from cadenza._options import Batches
    >>> [option.key for option in options_of(Batches, "evaluate.")]
    ['evaluate.batch_size', 'evaluate.batch']
    """
    hints = get_type_hints(schema, include_extras=True)
    for field in fields(schema):
        key, kind = f"{section}{field.name}", hints[field.name]
        if is_dataclass(kind):
            yield from options_of(cast("type", kind), f"{key}.")
        elif get_origin(kind) is Annotated:
            yield Option(key, *get_args(kind)[:2])
        else:
            yield Option(key, kind, Rule())


def blocks_of(schema: type) -> dict[str, tuple[str, ...]]:
    """Exchangeable parts of a script and the names that it offers for each."""
    return {o.key: o.rule.blocks for o in options_of(schema) if o.kind == Block}


def check(config: DictConfig, schema: type, *, file: str, given: set[str]) -> DictConfig:
    """Check a composed configuration.

    Parameters
    ----------
    config : DictConfig
        Composed by Hydra, without its own section.
    schema : dataclass type
        The options of the script.
    file : str
        Name of the configuration file, for messages.
    given : set of str
        Keys that were given on the command line.

    Returns
    -------
    DictConfig
        The same values, converted to their types, with interpolations resolved; read-only.

    Raises
    ------
    InputError
        Listing all keys that are unknown or absent; else those whose value must be given; else all
        values of a wrong type; else all that break a rule. Interpolated values are checked too.

    Examples
    --------
    >>> from cadenza._options import Batches
    >>> config = OmegaConf.create({"batch_size": "two", "batch": 0})
    >>> check(config, Batches, file="config.yaml", given={"batch_size"})
    Traceback (most recent call last):
    cadenza.errors.InputError: batch_size must be a whole number, got 'two'
    """
    content = cast("dict[str, Any]", OmegaConf.to_container(config))
    raise_if(_differences(content, schema, file, given))
    leaves = leaves_of(content)
    raise_if([f"{k} is required: {k}=..." for k, value in leaves.items() if value == "???"])
    raise_if(_value_problems(config, leaves, schema))
    typed = OmegaConf.merge(OmegaConf.structured(schema), config)
    OmegaConf.resolve(typed)
    options = options_of(schema)
    raise_if([p for o in options for p in _broken(o.key, OmegaConf.select(typed, o.key), o.rule)])
    OmegaConf.set_readonly(typed, True)
    return cast("DictConfig", typed)


def without_effect(schema: type, script: str, given: set[str]) -> list[str]:
    """Messages about keys on the command line that only other scripts use.

    Parameters
    ----------
    schema : dataclass type
        The options of the script.
    script : str
        Its name, without ``.py``.
    given : set of str
        Keys that were given on the command line.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> options = make_dataclass("Options", [("n", Annotated[int, Rule(scripts=("evaluate",))])])
    >>> without_effect(options, "enhance", {"n"})
    ['n has no effect in enhance.py; it is for evaluate.py']
    """
    return [
        f"{o.key} has no effect in {script}.py; it is for "
        + " and ".join(f"{name}.py" for name in o.rule.scripts)
        for o in options_of(schema)
        if o.key in given and o.rule.scripts and script not in o.rule.scripts
    ]


def unknown_key(key: str, known: list[str]) -> str:
    """Message about a key that does not exist.

    Examples
    --------
    >>> unknown_key("softclip", ["soft_clip", "split"])
    'unknown key softclip; did you mean soft_clip? --help lists all keys'
    """
    renamed = [ALIASES[key]] if key in ALIASES else get_close_matches(key, known, n=1, cutoff=0.8)
    guess = f"did you mean {renamed[0]}? " if renamed else ""
    return f"unknown key {key}; {guess}--help lists all keys"


def _differences(
    content: Mapping[str, Any], schema: type, file: str, given: set[str], section: str = ""
) -> list[str]:
    """Keys that are there and should not be, or the other way round."""
    hints = get_type_hints(schema)
    known = [option.key for option in options_of(schema, section)]
    problems = []
    for name in content:
        key = f"{section}{name}"
        if name not in hints:
            message = unknown_key(key, known)
            problems.append(message if key in given else f"{file}: {message}")
    for name, kind in hints.items():
        key, value = f"{section}{name}", content.get(name)
        if name not in content:
            problems.append(f"{file}: the key {key} is missing")
        elif not is_dataclass(kind):
            continue
        elif isinstance(value, dict):
            problems += _differences(value, cast("type", kind), file, given, f"{key}.")
        else:
            inside = ", ".join(field.name for field in fields(kind))
            problems.append(f"{key} must be a section with the keys {inside}, got {_shown(value)}")
    return problems


def leaves_of(node: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """Values of a nested mapping under their full keys.

    Examples
    --------
    >>> leaves_of({"evaluate": {"batch": 0}, "resume": True})
    {'evaluate.batch': 0, 'resume': True}
    """
    leaves: dict[str, Any] = {}
    for name, child in node.items():
        key = f"{section}{name}"
        leaves |= leaves_of(child, f"{key}.") if isinstance(child, dict) else {key: child}
    return leaves


def _value_problems(config: DictConfig, leaves: Mapping[str, Any], schema: type) -> list[str]:
    """Values that cannot be resolved or have the wrong type."""
    kinds = {option.key: option.kind for option in options_of(schema)}
    values, problems = {}, {}
    for key, raw in leaves.items():
        try:
            value = OmegaConf.select(config, key)
        except OmegaConfBaseException as error:
            problems[key] = f"{key}: cannot resolve {raw}: {str(error).splitlines()[0]}"
        else:
            if key in kinds:
                values[key] = value
    if not _convert(values, kinds, schema):  # all at once is ten times faster than one by one
        for key, value in values.items():
            if not _convert({key: value}, kinds, schema):
                raw = leaves[key]
                source = f" (from {raw})" if "${" in str(raw) else ""
                kind = KINDS.get(kinds[key], "a block")
                problems[key] = f"{key} must be {kind}, got {_shown(value)}{source}"
    repeated = {k for k in problems for other in problems if f"${{{other}}}" in str(leaves[k])}
    first = [text for key, text in problems.items() if key not in repeated]
    return first or list(problems.values())  # two keys may refer to each other


def _convert(values: Mapping[str, Any], kinds: Mapping[str, Any], schema: type) -> bool:
    """Whether OmegaConf can convert values to the types that their keys have in the schema."""
    if any(kinds[key] is str and isinstance(value, bool) for key, value in values.items()):
        return False
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        inner = nested
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value
    try:
        OmegaConf.merge(OmegaConf.structured(schema), nested)
    except OmegaConfBaseException:
        return False
    return True


def _broken(key: str, value: Any, rule: Rule) -> list[str]:  # noqa: ANN401
    """What is wrong with a value of the right type."""
    if rule.one_of and value not in rule.one_of:
        allowed = ", ".join(_shown(value).strip("'") for value in rule.one_of)
        return [f"{key} must be one of {allowed}, got {_shown(value)}"]
    if rule.folder and not Path(value).is_dir():
        return [f"{key}: no such folder: {value}"]
    if rule.least is None or value is None:
        return []
    numbers = value if OmegaConf.is_list(value) else [value]
    limits = f"at least {rule.least:g}"
    if rule.most is not None:
        limits = f"{rule.least:g} to {rule.most:g}"
    inside = all(rule.least <= number <= (rule.most or number) for number in numbers)
    return [] if inside else [f"{key} must be {limits}, got {value}"]


def _shown(value: object) -> str:
    """Value as YAML writes it."""
    words = {"None": "null", "True": "true", "False": "false"}
    return words.get(repr(value), repr(value))
