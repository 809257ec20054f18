"""Machines, and the templates of machines."""

import base64
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.engine.aws_provider.cloud import Cloud
from tests.engine.aws_provider.disks import instance_of, judge_disk, resize
from tests.engine.aws_provider.entry import Entry, ec2, ec2_one, ec2_tag, nothing
from tests.engine.aws_provider.names import Values, lower, pick, tag_list, take, upper
from tests.engine.aws_provider.network import described
from tests.engine.provider_protocol.provider import Refused

_METADATA = "httpTokens httpEndpoint httpPutResponseHopLimit instanceMetadataTags"
_DISK = "volumeSize volumeType iops throughput encrypted kmsKeyId deleteOnTermination snapshotId"
_AS_IS = "cpuOptions privateDnsNameOptions instanceInitiatedShutdownBehavior creditSpecification"
_RUNNING = ("pending", "running", "stopping", "stopped")


def _run(cloud: Cloud, inputs: Values) -> str:
    _refuse_misfit(cloud, inputs)
    arguments = pick(inputs, f"instanceType keyName ebsOptimized disableApiTermination {_AS_IS}")
    arguments |= {"ImageId": inputs["ami"], "MinCount": 1, "MaxCount": 1}
    if "iamInstanceProfile" in inputs:
        arguments["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    if "metadataOptions" in inputs:
        arguments["MetadataOptions"] = pick(inputs["metadataOptions"], _METADATA)
    if "monitoring" in inputs:
        arguments["Monitoring"] = {"Enabled": inputs["monitoring"]}
    user_data = _user_data(inputs)
    if user_data is not None:
        arguments["UserData"] = user_data
    arguments |= _place(inputs) | _interfaces(inputs)
    arguments["BlockDeviceMappings"] = _disks(cloud, inputs)
    made = cloud("ec2").run_instances(**{name: v for name, v in arguments.items() if v != []})
    id_ = str(made["Instances"][0]["InstanceId"])
    _tag_volumes(cloud, id_, {}, inputs)
    return id_


def _tag_volumes(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    before, after = old.get("volumeTags", {}), new.get("volumeTags", {})
    for one in instance_of(cloud, id_)["BlockDeviceMappings"]:
        ec2_tag(cloud, one["Ebs"]["VolumeId"], after, [key for key in before if key not in after])


def _user_data(inputs: Values) -> bytes | None:
    if "userDataBase64" in inputs:
        return base64.b64decode(inputs["userDataBase64"])
    return inputs["userData"].encode() if "userData" in inputs else None


def _place(inputs: Values) -> Values:
    place = pick(inputs, "availabilityZone tenancy")
    if "placementGroup" in inputs:
        place["GroupName"] = inputs["placementGroup"]
    return {"Placement": place} if place else {}


def _interfaces(inputs: Values) -> Values:
    if "networkInterfaces" in inputs:
        return {"NetworkInterfaces": upper(inputs["networkInterfaces"])}
    arguments = pick(inputs, "subnetId")
    if "privateIp" in inputs:
        arguments["PrivateIpAddress"] = inputs["privateIp"]
    public = bool(inputs.get("associatePublicIpAddress"))
    groups = inputs.get("vpcSecurityGroupIds", [])
    if "subnetId" not in inputs and not public:
        return {**arguments, **({"SecurityGroupIds": groups} if groups else {})}
    # Said in full, its address is free again once the machine is gone, as in AWS.
    interface = {"DeviceIndex": 0, "DeleteOnTermination": True, **arguments}
    interface |= {"Groups": groups} if groups else {}
    interface |= {"AssociatePublicIpAddress": True} if public else {}
    return {"NetworkInterfaces": [interface]}


def _disks(cloud: Cloud, inputs: Values) -> list[Values]:
    disks = [
        {"DeviceName": d["deviceName"], "Ebs": pick(d, _DISK)}
        for d in inputs.get("ebsBlockDevices", [])
    ]
    root = inputs.get("rootBlockDevice")
    if root:
        image = cloud("ec2").describe_images(ImageIds=[inputs["ami"]])["Images"][0]
        name = image.get("RootDeviceName") or "/dev/sda1"
        disks.append({"DeviceName": name, "Ebs": pick(root, _DISK)})
    return disks


def _refuse_misfit(cloud: Cloud, inputs: Values) -> None:
    """What AWS refuses of an image, a type and an address, and moto does not."""
    image = _image(cloud, inputs["ami"])
    try:
        types = cloud("ec2").describe_instance_types(InstanceTypes=[inputs["instanceType"]])
    except ClientError:
        types = {"InstanceTypes": []}
    if not types["InstanceTypes"]:
        raise Refused(f"InvalidParameterValue: no instance type {inputs['instanceType']}")
    fits = types["InstanceTypes"][0]["ProcessorInfo"]["SupportedArchitectures"]
    if image["Architecture"] not in fits:
        raise Refused(
            f"InvalidParameterValue: {inputs['instanceType']} is {', '.join(fits)} and "
            f"{inputs['ami']} is {image['Architecture']}"
        )
    if "subnetId" in inputs and "privateIp" in inputs:
        for one in described(cloud, "NetworkInterfaces", subnet_id=inputs["subnetId"]):
            if one["PrivateIpAddress"] == inputs["privateIp"]:
                raise Refused(f"InvalidIPAddress.InUse: {inputs['privateIp']} is taken")


def _image(cloud: Cloud, ami: str) -> Values:
    try:
        return dict(cloud("ec2").describe_images(ImageIds=[ami])["Images"][0])
    except (ClientError, IndexError):
        raise Refused(f"InvalidAMIID.NotFound: no image {ami} in {cloud.region}") from None


def _read_instance(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = instance_of(cloud, id_)
    if found["State"]["Name"] not in _RUNNING:
        return None
    told = take(found, "PrivateDnsName PublicDnsName InstanceType SubnetId")
    root = found.get("RootDeviceName")
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in found["BlockDeviceMappings"]}
    return {
        "arn": cloud.arn("ec2", f"instance/{id_}"),
        "instanceState": found["State"]["Name"],
        "availabilityZone": found["Placement"]["AvailabilityZone"],
        "privateIp": found.get("PrivateIpAddress", ""),
        "publicIp": found.get("PublicIpAddress", ""),
        "privateDns": told.pop("privateDnsName", ""),
        "publicDns": told.pop("publicDnsName", ""),
        "primaryNetworkInterfaceId": found["NetworkInterfaces"][0]["NetworkInterfaceId"],
        "rootBlockDevice": known.get("rootBlockDevice", {})
        | {"volumeId": volumes.get(root, ""), "deviceName": root},
        **told,
    }


def _stopped_while(cloud: Cloud, id_: str, attribute: str, value: Any) -> None:  # noqa: ANN401
    cloud("ec2").stop_instances(InstanceIds=[id_])
    cloud("ec2").modify_instance_attribute(InstanceId=id_, **{attribute: {"Value": value}})
    cloud("ec2").start_instances(InstanceIds=[id_])


def _change_type(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    _stopped_while(cloud, id_, "InstanceType", new["instanceType"])


def _change_user_data(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    _stopped_while(cloud, id_, "UserData", _user_data(new) or b"")


def _change_groups(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    cloud("ec2").modify_instance_attribute(InstanceId=id_, Groups=new["vpcSecurityGroupIds"])


def _change_metadata(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    options = pick(new.get("metadataOptions", {}), _METADATA)
    cloud("ec2").modify_instance_metadata_options(InstanceId=id_, **options)


def _change_profile(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    ec2_ = cloud("ec2")
    filters = [{"Name": "instance-id", "Values": [id_]}]
    found = ec2_.describe_iam_instance_profile_associations(Filters=filters)
    for one in found["IamInstanceProfileAssociations"]:
        ec2_.disassociate_iam_instance_profile(AssociationId=one["AssociationId"])
    if "iamInstanceProfile" in new:
        profile = {"Name": new["iamInstanceProfile"]}
        ec2_.associate_iam_instance_profile(InstanceId=id_, IamInstanceProfile=profile)


def _change_attribute(name: str, attribute: str) -> Any:  # noqa: ANN401 an Update
    def update(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
        value = {attribute: {"Value": bool(new.get(name))}}
        cloud("ec2").modify_instance_attribute(InstanceId=id_, **value)

    return update


def _change_monitoring(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    how = "monitor" if new.get("monitoring") else "unmonitor"
    getattr(cloud("ec2"), f"{how}_instances")(InstanceIds=[id_])


def _change_root(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    root = (_read_instance(cloud, id_, {}) or {})["rootBlockDevice"]["volumeId"]
    disk, before = new.get("rootBlockDevice", {}), old.get("rootBlockDevice", {})
    change = {"size": disk.get("volumeSize"), "type": disk.get("volumeType"), **disk}
    was = {"size": before.get("volumeSize"), **before}
    resize(cloud, root, was, {k: v for k, v in change.items() if v is not None})


def _terminate(cloud: Cloud, id_: str, known: Values) -> None:
    if known.get("disableApiTermination"):
        raise Refused(f"OperationNotPermitted: {id_} is protected from termination")
    interfaces = instance_of(cloud, id_)["NetworkInterfaces"]
    cloud("ec2").terminate_instances(InstanceIds=[id_])
    if "networkInterfaces" not in known:
        # What AWS made with the machine, it removes with it; moto leaves it there.
        for one in interfaces:
            _remove_interface(cloud, str(one["NetworkInterfaceId"]))


def _remove_interface(cloud: Cloud, id_: str) -> None:
    found = described(cloud, "NetworkInterfaces", **{"network-interface-id": id_})
    if found:
        cloud("ec2").delete_network_interface(NetworkInterfaceId=id_)


_YES_OR_NO: Mapping[object, bool] = {"true": True, "false": False}


def _template(inputs: Values) -> Values:
    """The inputs that describe machines, as the API has them."""
    about = ("name", "namePrefix", "description", "tags", "updateDefaultVersion", "defaultVersion")
    data = upper({name: value for name, value in inputs.items() if name not in about})
    if "VpcSecurityGroupIds" in data:
        data["SecurityGroupIds"] = data.pop("VpcSecurityGroupIds")
    for one in data.get("TagSpecifications", []):
        one["Tags"] = tag_list(lower(one.pop("Tags", {})))
    for one in data.get("BlockDeviceMappings", []):
        # What may be neither true nor false is text to a program, and yes or no to the API.
        one["Ebs"] = {name: _YES_OR_NO.get(value, value) for name, value in one["Ebs"].items()}
    data.pop("Region", None)
    return dict(data)


def _make_template(cloud: Cloud, inputs: Values) -> str:
    made = cloud("ec2").create_launch_template(
        LaunchTemplateName=inputs["name"], LaunchTemplateData=_template(inputs)
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _change_template(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
    made = cloud("ec2").create_launch_template_version(
        LaunchTemplateId=id_, LaunchTemplateData=_template(new)
    )
    if new.get("updateDefaultVersion"):
        version = str(made["LaunchTemplateVersion"]["VersionNumber"])
        cloud("ec2").modify_launch_template(LaunchTemplateId=id_, DefaultVersion=version)


def _read_template(cloud: Cloud, id_: str, known: Values) -> Values | None:
    found = ec2_one(cloud, "LaunchTemplate", id_)
    if found is None:
        return None
    latest, default = found["LatestVersionNumber"], found["DefaultVersionNumber"]
    arn = cloud.arn("ec2", f"launch-template/{id_}")
    return {"arn": arn, "latestVersion": latest, "defaultVersion": default}


_TEMPLATE = (
    "blockDeviceMappings imageId instanceType userData metadataOptions iamInstanceProfile keyName "
    "vpcSecurityGroupIds networkInterfaces tagSpecifications ebsOptimized monitoring placement "
    "creditSpecification disableApiTermination instanceInitiatedShutdownBehavior"
)

COMPUTE = {
    "aws:ec2/instance:Instance": Entry(
        create=_run,
        read=_read_instance,
        delete=_terminate,
        tag=ec2_tag,
        required="ami instanceType",
        replaces=(
            "ami subnetId availabilityZone privateIp keyName placementGroup tenancy "
            "networkInterfaces ebsBlockDevices associatePublicIpAddress cpuOptions "
            "privateDnsNameOptions instanceInitiatedShutdownBehavior creditSpecification "
            "rootBlockDevice.encrypted rootBlockDevice.kmsKeyId"
        ),
        updates={
            "instanceType": _change_type,
            "userData userDataBase64": _change_user_data,
            "vpcSecurityGroupIds": _change_groups,
            "metadataOptions": _change_metadata,
            "iamInstanceProfile": _change_profile,
            "disableApiTermination": _change_attribute(
                "disableApiTermination", "DisableApiTermination"
            ),
            "sourceDestCheck": _change_attribute("sourceDestCheck", "SourceDestCheck"),
            "ebsOptimized": _change_attribute("ebsOptimized", "EbsOptimized"),
            "rootBlockDevice": _change_root,
            "volumeTags": _tag_volumes,
            "monitoring": _change_monitoring,
            "userDataReplaceOnChange forceDestroy": nothing,
        },
        judges=(judge_disk,),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": ec2(
        "LaunchTemplate",
        "",
        create=_make_template,
        read=_read_template,
        named="name",
        longest_name=125,
        replaces="name",
        updates={f"{_TEMPLATE} description": _change_template, "updateDefaultVersion": nothing},
        volatile="latestVersion defaultVersion",
    ),
}
