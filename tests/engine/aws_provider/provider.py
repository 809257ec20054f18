"""The provider: the engine's questions answered from the table."""

import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from botocore.exceptions import ClientError

from tests.engine.aws_provider.cloud import ENDPOINT, Cloud, calling, is_missing
from tests.engine.aws_provider.entry import Entry
from tests.engine.aws_provider.functions import FUNCTIONS
from tests.engine.aws_provider.names import Values
from tests.engine.aws_provider.rules import general_faults
from tests.engine.aws_provider.table import TABLE
from tests.engine.provider_protocol.difference import Difference, Differences, differences
from tests.engine.provider_protocol.provider import (
    Check,
    Checked,
    Create,
    Created,
    Delete,
    Diff,
    Failure,
    Found,
    Provider,
    Read,
    Refused,
    Resource,
    Update,
)
from tests.engine.provider_protocol.values import UNKNOWN, Path, Properties

_REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-\d$")


#: Names a file that holds a type and a name, such as ``Instance broker-1``: that resource cannot be
#: made once, and the file is gone.
FAILS_ONCE = "QUORATE_STAND_IN_FAILS_ONCE"


class AwsStandIn(Provider):
    """AWS as far as the table goes; what is not in it is refused by name."""

    version = version("pulumi_aws")

    def __init__(self) -> None:
        """Know no AWS until configured."""
        self._cloud: Cloud | None = None

    def configure(self, config: Mapping[str, object]) -> None:
        """Take region and default tags."""
        endpoint, region = os.environ.get(ENDPOINT, ""), str(config.get("region", ""))
        if not endpoint:
            raise Refused(f"{ENDPOINT} is not set: the stand-in has no AWS to call")
        if not _REGION.match(region):
            raise Refused(f"aws:region is {region!r}; set it to one such as eu-west-1")
        tags = _tree(config.get("defaultTags")) or {}
        self._cloud = Cloud(endpoint, region, tags.get("tags") or {})

    def check(self, asked: Check) -> Checked:
        """Put in defaults and a name; tell everything that is wrong at once."""
        entry = _entry(asked.resource)
        inputs = {key: value for key, value in asked.inputs.values.items() if value is not None}
        inputs = entry.defaults | inputs
        for name in set(entry.documents.split()) & set(inputs):
            inputs[name] = _document(inputs[name])
        if entry.named and entry.named not in inputs:
            old = asked.old_inputs.values if asked.old_inputs else {}
            made_up = entry.name_prefix + (asked.naming.name(asked.resource) or "")
            inputs[entry.named] = old.get(entry.named) or made_up[-entry.longest_name :]
        failures = tuple(Failure(name, reason) for name, reason in _faults(entry, inputs))
        return Checked(asked.inputs.having(inputs), failures)

    def diff(self, asked: Diff) -> Differences:
        """Compare inputs; a property that can neither be changed nor replaced is refused."""
        entry = _entry(asked.resource)
        old, new = asked.old_inputs.values, asked.inputs.values
        found = differences(old, new, lambda path: _replaces(entry, path, new))
        found += self._default_tags_differ(entry, asked)
        for difference in found:
            _refuse_unknown_change(entry, asked.resource, difference)
        kept = entry.named and not _made_up(entry, asked.resource, old.get(entry.named))
        return Differences(found, delete_first=bool(kept))

    def create(self, asked: Create) -> Created:
        """Make and tag it."""
        entry = _entry(asked.resource)
        inputs = dict(asked.inputs.values)
        cloud = self._at(inputs)
        outputs = _told(entry, cloud, inputs)
        if asked.preview:
            return Created("", asked.inputs.having(outputs | _later(entry, outputs)))
        _fail_once(asked.resource)
        with calling(f"creating {asked.resource.name} ({asked.resource.type})"):
            id_ = entry.create(cloud, inputs)
            if entry.tag is not None and outputs.get("tagsAll"):
                entry.tag(cloud, id_, outputs["tagsAll"], [])
            found = entry.read(cloud, id_, inputs)
        if found is None:
            raise Refused(f"{asked.resource.type} {id_} was made and is not there")
        return Created(id_, asked.inputs.having(outputs | found))

    def update(self, asked: Update) -> Properties:
        """Make every change in place."""
        entry = _entry(asked.resource)
        old, new = dict(asked.old_inputs.values), dict(asked.inputs.values)
        cloud = self._at(new)
        state = {key: value for key, value in asked.old_outputs.values.items() if key not in old}
        outputs = state | _told(entry, cloud, new)
        if asked.preview:
            outputs |= dict.fromkeys(entry.volatile.split(), UNKNOWN)
            return asked.inputs.having(outputs)
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        with calling(f"updating {asked.resource.name} ({asked.resource.type})"):
            for update in dict.fromkeys(filter(None, map(entry.update_of, changed))):
                update(cloud, asked.id, old, new)
            _retag(entry, cloud, asked, outputs)
            found = entry.read(cloud, asked.id, state | new)
        if found is None:
            raise Refused(f"{asked.resource.type} {asked.id} is gone; refresh the stack")
        return asked.inputs.having(outputs | found)

    def read(self, asked: Read) -> Found | None:
        """Say what it is like; inputs that are read back are told as they are."""
        entry = _entry(asked.resource)
        known = {**asked.outputs.values, **asked.inputs.values}
        cloud = self._at(known)
        with calling(f"reading {asked.resource.name} ({asked.resource.type})"):
            try:
                found = entry.read(cloud, asked.id, known)
            except ClientError as error:
                if not is_missing(error):
                    raise
                found = None
        if found is None:
            return None
        inputs = {
            name: _as_told(value, found.get(name, value))
            for name, value in asked.inputs.values.items()
        }
        outputs = asked.outputs.having({**asked.outputs.values, **found})
        return Found(asked.id, asked.inputs.having(inputs), outputs)

    def delete(self, asked: Delete) -> None:
        """Remove it; what is gone already is no error."""
        entry = _entry(asked.resource)
        known = dict(asked.outputs.values)
        with calling(f"deleting {asked.resource.name} ({asked.resource.type})"):
            try:
                entry.delete(self._at(known), asked.id, known)
            except ClientError as error:
                if not is_missing(error):
                    raise

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a function of the table."""
        function = FUNCTIONS.get(token)
        if function is None:
            raise Refused(f"{token} is not in the stand-in's FUNCTIONS; add it there")
        values = dict(arguments.values)
        with calling(token):
            return arguments.having(values | function(self._at(values), values))

    def _at(self, values: Mapping[str, Any]) -> Cloud:
        if self._cloud is None:
            raise Refused("the provider was not configured")
        region = values.get("region")
        return self._cloud.in_region(region) if isinstance(region, str) else self._cloud

    def _default_tags_differ(self, entry: Entry, asked: Diff) -> tuple[Difference, ...]:
        """The provider's own tags count among a resource's, though the program names none."""
        if entry.tag is None or asked.old_inputs.at("tags") != asked.inputs.at("tags"):
            return ()
        told = _told(entry, self._at(asked.inputs.values), dict(asked.inputs.values))
        old = {"tagsAll": asked.old_outputs.at("tagsAll") or {}}
        return differences(old, {"tagsAll": told["tagsAll"]})


def _later(entry: Entry, outputs: Values) -> Values:
    """The trees of the outputs with what is not known in a preview marked so."""
    found: Values = {}
    for name, _, inner in (path.partition(".") for path in entry.later.split()):
        tree = found.get(name, outputs.get(name))
        if isinstance(tree, Mapping):
            found[name] = {**tree, inner: UNKNOWN}
    return found


def _fail_once(resource: Resource) -> None:
    file = pathlib.Path(os.environ.get(FAILS_ONCE, ""))
    named = f"{resource.type.rpartition(':')[2]} {resource.name}"
    if file.is_file() and file.read_text() == named:
        file.unlink()
        raise Refused(f"InternalError: {named} could not be made; try again")


def _entry(resource: Resource) -> Entry:
    entry = TABLE.get(resource.type)
    if entry is None:
        raise Refused(
            f"{resource.type} ({resource.name}) is not in the stand-in's TABLE; add an entry for it"
        )
    return entry


def _faults(entry: Entry, inputs: Values) -> Iterator[tuple[str, str]]:
    for name in entry.required.split():
        if name not in inputs:
            yield name, f'Missing required argument: "{name}" is required'
    for name in sorted(set(inputs) - entry.known()):
        yield name, "is not in the entry of the stand-in's TABLE; add it there and to its calls"
    yield from general_faults(inputs)
    for judge in entry.judges:
        yield from judge(inputs)


def _replaces(entry: Entry, path: Path, new: Mapping[str, object]) -> bool:
    named = [step for step in path if isinstance(step, str)]
    prefixes = {".".join(named[:length]) for length in range(1, len(named) + 1)}
    if named[0] in ("userData", "userDataBase64") and new.get("userDataReplaceOnChange"):
        return True
    return bool(prefixes & {*entry.replaces.split(), "region"})


def _refuse_unknown_change(entry: Entry, resource: Resource, difference: Difference) -> None:
    name = str(difference.path[0])
    tags = entry.tag is not None and name in ("tags", "tagsAll")
    if not (difference.replaces or tags or entry.update_of(name)):
        raise Refused(
            f"{resource.type} ({resource.name}): a change of {difference} is not in the "
            "stand-in's TABLE; add it to the entry's replaces or updates"
        )


def _made_up(entry: Entry, resource: Resource, name: object) -> bool:
    pattern = rf"{re.escape(entry.name_prefix + resource.name)}-[0-9a-f]{{7}}"
    return isinstance(name, str) and bool(re.fullmatch(pattern, name))


def _told(entry: Entry, cloud: Cloud, inputs: Values) -> Values:
    """The outputs that follow from the inputs alone."""
    hidden = entry.hidden.split()
    told = {name: value for name, value in inputs.items() if name not in hidden}
    told["region"] = cloud.region
    if entry.tag is not None:
        tags = inputs.get("tags", {})
        told["tagsAll"] = tags if tags is UNKNOWN else cloud.default_tags | tags
    return told


def _retag(entry: Entry, cloud: Cloud, asked: Update, outputs: Values) -> None:
    old, new = asked.old_outputs.at("tagsAll") or {}, outputs.get("tagsAll") or {}
    if entry.tag is None or old == new or not isinstance(old, Mapping):
        return
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    entry.tag(cloud, asked.id, changed, [key for key in old if key not in new])


def _as_told(given: object, found: object) -> object:
    """What is found, without what the program never spoke of."""
    if isinstance(given, Mapping) and isinstance(found, Mapping):
        return {key: _as_told(value, found.get(key, value)) for key, value in given.items()}
    return found


def _tree(value: object) -> Any:  # noqa: ANN401 a tree of JSON
    return json.loads(value) if isinstance(value, str) and value else value


def _document(value: object) -> object:
    return json.dumps(value) if isinstance(value, Mapping | list) else value
