"""One row of the table of types, and the shapes that most rows have."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.names import Values, pick, snake, tag_list, take

Create = Callable[[Cloud, Values], str]
Read = Callable[[Cloud, str, Values], Values | None]
Delete = Callable[[Cloud, str, Values], None]
#: The id, the old inputs, the new ones.
Update = Callable[[Cloud, str, Values, Values], None]
#: The id, the tags to set, the keys to remove.
Tag = Callable[[Cloud, str, Mapping[str, str], list[str]], None]
#: A property and what is wrong with it.
Fault = tuple[str, str]
Judge = Callable[[Values], Iterable[Fault]]


def nothing(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    """Change nothing: the property only tells the provider how to work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How resources of one type are had. Lists of properties are words in one text.

    An input that no attribute names is refused, so that none is ever passed over in silence.

    Attributes:
        create: Makes one and returns its id.
        read: Its outputs beside the inputs, or None if it is gone; given id and what is known.
        delete: Removes it; that it is gone already need not be caught.
        required: Inputs that must be there.
        replaces: Properties, or paths into them without indices, whose change needs a new one.
        updates: How a change in place is made, by the properties that it makes.
        tag: How tags are set and removed, if there are any.
        named: The property that is made up of the resource's name where it is not given.
        name_prefix: Stands before what is made up.
        longest_name: Of what is made up, in characters.
        defaults: Inputs that the real provider puts in.
        documents: Properties that are JSON and may be given as text or as a tree.
        judges: Each tells what is wrong with known inputs.
        volatile: Outputs that any update changes.
        hidden: Inputs that are never kept as outputs.
        later: What AWS puts into an input that is a tree, by its path: unknown in a preview.
    """

    create: Create
    read: Read
    delete: Delete
    required: str = ""
    replaces: str = ""
    updates: Mapping[str, Update] = field(default_factory=dict)
    tag: Tag | None = None
    named: str = ""
    name_prefix: str = ""
    longest_name: int = 255
    defaults: Values = field(default_factory=dict)
    documents: str = ""
    judges: tuple[Judge, ...] = ()
    volatile: str = ""
    hidden: str = ""
    later: str = ""

    def known(self) -> set[str]:
        """Every input that the entry does something with."""
        words = [self.required, self.documents, self.named, self.hidden, *self.updates]
        names = {name for text in words for name in text.split()} | set(self.defaults)
        names |= {path.partition(".")[0] for path in self.replaces.split()}
        return names | {"region"} | ({"tags"} if self.tag else set())

    def update_of(self, name: str) -> Update | None:
        """How a change of this property is made in place, if it can be."""
        found = (update for names, update in self.updates.items() if name in names.split())
        return next(found, None)


def ec2_tag(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    """Tag anything of EC2."""
    if removed:
        cloud("ec2").delete_tags(Resources=[id_], Tags=[{"Key": key} for key in removed])
    if tags:
        cloud("ec2").create_tags(Resources=[id_], Tags=tag_list(tags))


def ec2_one(cloud: Cloud, noun: str, id_: str) -> Values | None:
    """One thing of EC2 as it is described, or None."""
    describe = getattr(cloud("ec2"), f"describe_{snake(noun)}s")
    found = describe(**{f"{noun}Ids": [id_]})[f"{noun}s"]
    return found[0] if found else None


def ec2(noun: str, arguments: str, outputs: str = "", **rest: Any) -> Entry:  # noqa: ANN401
    """A type of EC2 whose calls follow the pattern of ``create_vpc`` and ``describe_vpcs``.

    Args:
        noun: As the API has it, such as ``RouteTable``.
        arguments: Inputs that are handed to the call that makes it.
        outputs: Fields of its description that become outputs.
        rest: The other attributes of the entry; those given here stand in for the pattern's.
    """
    kind = snake(noun).replace("_", "-")

    def create(cloud: Cloud, inputs: Values) -> str:
        made = getattr(cloud("ec2"), f"create_{snake(noun)}")(**pick(inputs, arguments))
        return str(made[noun][f"{noun}Id"])

    def read(cloud: Cloud, id_: str, known: Values) -> Values | None:
        found = ec2_one(cloud, noun, id_)
        if found is None:
            return None
        arn = cloud.arn("ec2", f"{kind}/{id_}")
        return {"arn": arn, "ownerId": cloud.account, **take(found, outputs)}

    def delete(cloud: Cloud, id_: str, known: Values) -> None:
        getattr(cloud("ec2"), f"delete_{snake(noun)}")(**{f"{noun}Id": id_})

    pattern = {"create": create, "read": read, "delete": delete, "tag": ec2_tag}
    return Entry(**(pattern | rest))


def found_first(answer: Any, path: str) -> Any:  # noqa: ANN401 an API's answer
    """The value at a path such as ``Topics.0.TopicArn`` of an API's answer, or None."""
    for step in path.split(".") if path else ():
        if isinstance(answer, list):
            answer = answer[int(step)] if int(step) < len(answer) else None
        else:
            answer = (answer or {}).get(step)
    return answer


def plain(
    service: str,
    *,
    create: str,
    arguments: str,
    id_at: str,
    read: str,
    found_at: str,
    delete: str,
    by: str,
    outputs: str = "",
    **rest: Any,  # noqa: ANN401
) -> Entry:
    """A type with one call each to make, read and remove it.

    Args:
        service: As boto3 has it.
        create: The call that makes it.
        arguments: Inputs that are handed to it.
        id_at: Where in its answer the id is.
        read: The call that describes it.
        found_at: Where in that answer the one that was asked for is.
        delete: The call that removes it.
        by: The parameter that names it in both; a list where it ends in ``s``.
        outputs: Fields of its description that become outputs.
        rest: The other attributes of the entry.
    """

    def made(cloud: Cloud, inputs: Values) -> str:
        return str(found_first(getattr(cloud(service), create)(**pick(inputs, arguments)), id_at))

    def found(cloud: Cloud, id_: str, known: Values) -> Values | None:
        naming = {by: [id_] if by.endswith("s") else id_}
        one = found_first(getattr(cloud(service), read)(**naming), found_at)
        return None if one is None else take(one, outputs)

    def removed(cloud: Cloud, id_: str, known: Values) -> None:
        getattr(cloud(service), delete)(**{by.removesuffix("s"): id_})

    return Entry(create=made, read=found, delete=removed, **rest)
