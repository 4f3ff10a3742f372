"""Strict reading of YAML: keys are unique, object tags are refused, ``no`` and ``2024-01-01`` are texts, ``1e-3`` is a number."""

import re
from pathlib import Path
from typing import Any

import yaml

from glmkit.errors import BadInput


class _Loader(yaml.SafeLoader):
    """Safe subset of YAML, with numbers and booleans as in YAML 1.2."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, list | dict):
                raise BadInput(f"line {line}: a key must be a plain word")
            if key in seen:
                raise BadInput(f"line {line}: the key {key!r} is defined twice (first on line {seen[key]}). Remove one")
            seen[key] = line
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value.replace("_", "")))
_Loader.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
)


def read_yaml(path: Path) -> Any:
    """Read a YAML file with the strict loader.

    Raises
    ------
    BadInput
        The file is missing, is not UTF-8 or not YAML, defines a key twice, or has a tag that would create an object.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist. Give the path of a study file (.yaml).") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder. Give the path of a study file (.yaml).") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}).") from None
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (derived from SafeLoader)
    except BadInput as problem:
        raise BadInput(f"{path}, {problem}.") from None
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise BadInput(f"{path}, line {line}: object tags are not allowed ({error.problem}). Use plain values.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise BadInput(f"{path}, line {line}: not YAML ({error.problem}).") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML ({error}).") from None
