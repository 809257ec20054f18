"""Disks, and which machine has them."""

from collections.abc import Iterator

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.entry import Entry, Fault, ec2, ec2_one, nothing
from tests.engine.aws_provider.names import Values, pick
from tests.engine.aws_provider.rules import number_of, one_of, shaped
from tests.engine.provider_protocol.provider import Refused


def instance_of(cloud: Cloud, id_: str) -> Values:
    """A machine as it is described."""
    found = cloud("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
    return dict(found[0]["Instances"][0])


def judge_disk(inputs: Values) -> Iterator[Fault]:
    """What is wrong with a volume, or with the root volume of a machine."""
    yield from _disk_faults("size", inputs, inputs.get("type"))
    root = inputs.get("rootBlockDevice")
    if isinstance(root, dict):
        for name, reason in _disk_faults("volumeSize", root, root.get("volumeType")):
            yield f"rootBlockDevice.{name}", reason


def _disk_faults(size_name: str, disk: Values, kind: object) -> Iterator[Fault]:
    """gp3 as AWS documents it: 3,000-80,000 IOPS, 500 a GiB; 125-2,000 MiB/s, 0.25 an IOPS."""
    size, iops = number_of(disk, size_name), number_of(disk, "iops")
    throughput = number_of(disk, "throughput")
    if size is not None and not 1 <= size <= 65536:
        yield size_name, f"expected 1 to 65536 GiB; got {size:g}"
    if throughput is not None and kind != "gp3":
        yield "throughput", "is for gp3 alone"
    if kind != "gp3":
        return
    if iops is not None and not 3000 <= iops <= min(80000, max(3000, 500 * (size or 65536))):
        yield "iops", f"expected 3000 to 80000 and at most 500 a GiB; got {iops:g}"
    most = min(2000.0, max(125.0, 0.25 * (iops or 3000)))
    if throughput is not None and not 125 <= throughput <= most:
        yield "throughput", f"expected 125 to {most:g} MiB/s with these IOPS; got {throughput:g}"


_VOLUME = "availabilityZone encrypted kmsKeyId snapshotId multiAttachEnabled"


def _make_volume(cloud: Cloud, inputs: Values) -> str:
    arguments = pick(inputs, f"{_VOLUME} iops throughput size")
    arguments["VolumeType"] = inputs.get("type", "gp2")
    return str(cloud("ec2").create_volume(**arguments)["VolumeId"])


def resize(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    """Change a volume that is in use; it can grow and not shrink.

    Raises:
        Refused: It would shrink.
    """
    if new.get("size", 0) < old.get("size", 0):
        raise Refused(
            f"InvalidParameterValue: new size {new['size']} GiB of {id_} is smaller than "
            f"the existing {old['size']} GiB"
        )
    change = pick(new, "size iops throughput")
    if "type" in new:
        change["VolumeType"] = new["type"]
    cloud("ec2").modify_volume(VolumeId=id_, **change)


def _delete_volume(cloud: Cloud, id_: str, known: Values) -> None:
    volume = ec2_one(cloud, "Volume", id_)
    if volume and volume["Attachments"]:
        raise Refused(f"VolumeInUse: {id_} is attached to {volume['Attachments'][0]['InstanceId']}")
    if known.get("finalSnapshot"):
        cloud("ec2").create_snapshot(VolumeId=id_)
    cloud("ec2").delete_volume(VolumeId=id_)


def _attach(cloud: Cloud, inputs: Values) -> str:
    volume = ec2_one(cloud, "Volume", inputs["volumeId"]) or {}
    for one in volume.get("Attachments", []):
        raise Refused(f"VolumeInUse: {inputs['volumeId']} is attached to {one['InstanceId']}")
    instance = instance_of(cloud, inputs["instanceId"])
    zone = instance["Placement"]["AvailabilityZone"]
    if volume.get("AvailabilityZone") != zone:
        raise Refused(
            f"InvalidVolume.ZoneMismatch: {inputs['volumeId']} is in "
            f"{volume.get('AvailabilityZone')}, {inputs['instanceId']} in {zone}"
        )
    taken = [one["DeviceName"] for one in instance["BlockDeviceMappings"]]
    if inputs["deviceName"] in taken:
        raise Refused(f"InvalidParameterValue: {inputs['deviceName']} is in use")
    cloud("ec2").attach_volume(
        VolumeId=inputs["volumeId"], InstanceId=inputs["instanceId"], Device=inputs["deviceName"]
    )
    return f"vai-{inputs['volumeId'].removeprefix('vol-')}-{inputs['instanceId']}"


def _read_attachment(cloud: Cloud, id_: str, known: Values) -> Values | None:
    volume = ec2_one(cloud, "Volume", known["volumeId"]) or {}
    there = [one["InstanceId"] for one in volume.get("Attachments", [])]
    return {} if known["instanceId"] in there else None


def _detach(cloud: Cloud, id_: str, known: Values) -> None:
    if known.get("stopInstanceBeforeDetaching"):
        cloud("ec2").stop_instances(InstanceIds=[known["instanceId"]])
    if not known.get("skipDestroy") and _read_attachment(cloud, id_, known) is not None:
        cloud("ec2").detach_volume(VolumeId=known["volumeId"], InstanceId=known["instanceId"])


DISKS = {
    "aws:ebs/volume:Volume": ec2(
        "Volume",
        "",
        outputs="Size Iops Throughput VolumeType",
        create=_make_volume,
        delete=_delete_volume,
        required="availabilityZone",
        replaces=_VOLUME,
        updates={"size type iops throughput": resize, "finalSnapshot": nothing},
        judges=(
            judge_disk,
            one_of("type", "standard", "gp2", "gp3", "io1", "io2", "sc1", "st1"),
        ),
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Entry(
        create=_attach,
        read=_read_attachment,
        delete=_detach,
        required="deviceName instanceId volumeId",
        replaces="deviceName instanceId volumeId",
        updates={"forceDetach skipDestroy stopInstanceBeforeDetaching": nothing},
        judges=(shaped("deviceName", r"/dev/(sd|xvd)[a-z]\d*"),),
    ),
}
