"""Small programs that declare every type of the stand-in, in a first step and a second."""

import base64
import json

import pulumi
import pulumi_aws as aws_sdk


def _trust(service: str) -> str:
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allow(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class SmallNetwork:
    """What machines and clusters are put into."""

    def __init__(self) -> None:
        self.vpc = aws_sdk.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
        self.subnets = [
            aws_sdk.ec2.Subnet(
                f"subnet-{zone}",
                vpc_id=self.vpc.id,
                cidr_block=f"10.0.{index}.0/24",
                availability_zone=f"eu-west-1{zone}",
            )
            for index, zone in enumerate("abc")
        ]
        self.group = aws_sdk.ec2.SecurityGroup("group", vpc_id=self.vpc.id)


def routes(step: int) -> None:
    """Ways through a network."""
    net = SmallNetwork()
    table = aws_sdk.ec2.RouteTable("table", vpc_id=net.vpc.id, tags={"Step": str(step)})
    aws_sdk.ec2.RouteTableAssociation(
        "association", subnet_id=net.subnets[0].id, route_table_id=table.id
    )
    gateway = aws_sdk.ec2.InternetGateway("gateway", vpc_id=net.vpc.id)
    address = aws_sdk.ec2.Eip("address", domain="vpc")
    aws_sdk.ec2.NatGateway("nat", subnet_id=net.subnets[1].id, allocation_id=address.id)
    aws_sdk.ec2.Route(
        "route",
        route_table_id=table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=gateway.id,
    )
    aws_sdk.ec2.VpcEndpoint(
        "s3",
        vpc_id=net.vpc.id,
        service_name="com.amazonaws.eu-west-1.s3",
        route_table_ids=[table.id],
    )
    aws_sdk.ec2.VpcEndpoint(
        "ssm",
        vpc_id=net.vpc.id,
        service_name="com.amazonaws.eu-west-1.ssm",
        vpc_endpoint_type="Interface",
        subnet_ids=[subnet.id for subnet in net.subnets[: step + 1]],
        security_group_ids=[net.group.id],
        private_dns_enabled=True,
    )
    options = aws_sdk.ec2.VpcDhcpOptions("dhcp", domain_name="quorate.internal")
    aws_sdk.ec2.VpcDhcpOptionsAssociation("use-dhcp", vpc_id=net.vpc.id, dhcp_options_id=options.id)
    aws_sdk.ec2.NetworkInterface(
        "interface", subnet_id=net.subnets[2].id, private_ips=["10.0.2.40"]
    )


def firewall(step: int) -> None:
    """What lets traffic through, and what does not."""
    net = SmallNetwork()
    clients = aws_sdk.ec2.SecurityGroup(
        "clients",
        vpc_id=net.vpc.id,
        egress=[
            aws_sdk.ec2.SecurityGroupEgressArgs(
                protocol="tcp", from_port=9092, to_port=9092 + step, cidr_blocks=["10.0.0.0/16"]
            )
        ],
    )
    aws_sdk.vpc.SecurityGroupIngressRule(
        "in",
        security_group_id=net.group.id,
        ip_protocol="tcp",
        from_port=9092,
        to_port=9092 + step,
        referenced_security_group_id=clients.id,
        description="clients",
    )
    aws_sdk.vpc.SecurityGroupEgressRule(
        "out", security_group_id=net.group.id, ip_protocol="-1", cidr_ipv4="10.0.0.0/16"
    )
    acl = aws_sdk.ec2.NetworkAcl(
        "acl",
        vpc_id=net.vpc.id,
        subnet_ids=[net.subnets[0].id],
        ingress=[
            aws_sdk.ec2.NetworkAclIngressArgs(
                rule_no=100 + step,
                action="allow",
                protocol="-1",
                from_port=0,
                to_port=0,
                cidr_block="0.0.0.0/0",
            )
        ],
    )
    other = aws_sdk.ec2.NetworkAcl("other", vpc_id=net.vpc.id)
    aws_sdk.ec2.NetworkAclAssociation(
        "association", network_acl_id=other.id, subnet_id=net.subnets[1].id
    )
    aws_sdk.ec2.NetworkAclRule(
        "rule",
        network_acl_id=other.id,
        rule_number=200,
        egress=True,
        protocol="tcp",
        rule_action="deny",
        cidr_block="0.0.0.0/0",
        from_port=9092,
        to_port=9092,
    )
    pulumi.export("acl", acl.id)


def machines(step: int) -> None:
    """A machine with a disk of its own, kept apart from it."""
    net = SmallNetwork()
    image = aws_sdk.ec2.get_ami(
        owners=["amazon"],
        most_recent=True,
        filters=[{"name": "name", "values": ["al2023-ami-2023*-arm64"]}],
    )
    role = aws_sdk.iam.Role("role", assume_role_policy=_trust("ec2"))
    profile = aws_sdk.iam.InstanceProfile("profile", role=role.name)
    aws_sdk.ec2.PlacementGroup("apart", strategy="spread")
    machine = aws_sdk.ec2.Instance(
        "machine",
        ami=image.id,
        instance_type="r6g.large",
        subnet_id=net.subnets[0].id,
        private_ip="10.0.0.10",
        vpc_security_group_ids=[net.group.id],
        iam_instance_profile=profile.name,
        user_data="#cloud-config\n",
        user_data_replace_on_change=True,
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1 + step},
        root_block_device={"volume_type": "gp3", "encrypted": True, "volume_size": 10 + step},
        tags={"Name": "machine"},
    )
    disk = aws_sdk.ebs.Volume(
        "disk",
        availability_zone="eu-west-1a",
        type="gp3",
        size=100 + step,
        iops=3000,
        throughput=125,
        encrypted=True,
    )
    aws_sdk.ec2.VolumeAttachment(
        "attachment", device_name="/dev/sdf", instance_id=machine.id, volume_id=disk.id
    )
    encoded = base64.b64encode(f"step {step}".encode()).decode()
    aws_sdk.ec2.LaunchTemplate(
        "template", image_id=image.id, instance_type="r6g.large", user_data=encoded
    )
    pulumi.export("machine", machine.id)
    pulumi.export("disk", disk.id)


def identities(step: int) -> None:
    """Who may do what, and what only they may read."""
    key = aws_sdk.kms.Key("key", enable_key_rotation=bool(step), deletion_window_in_days=7)
    aws_sdk.kms.Alias("alias", target_key_id=key.key_id)
    role = aws_sdk.iam.Role(
        "role", assume_role_policy=_trust("ec2"), description=f"step {step}", tags={"A": "b"}
    )
    action = ("s3:GetObject", "s3:PutObject")[step]
    aws_sdk.iam.RolePolicy("inline", role=role.name, policy=_allow(action))
    policy = aws_sdk.iam.Policy("policy", policy=_allow(action))
    aws_sdk.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=policy.arn)
    secret = aws_sdk.secretsmanager.Secret("secret", kms_key_id=key.arn, recovery_window_in_days=0)
    aws_sdk.secretsmanager.SecretVersion(
        "version", secret_id=secret.id, secret_string=pulumi.Output.secret(f"hidden-{step}")
    )
    aws_sdk.secretsmanager.SecretPolicy(
        "secret-policy", secret_arn=secret.arn, policy=_allow("secretsmanager:GetSecretValue")
    )
    pulumi.export("secret", secret.arn)


def names_and_stores(step: int) -> None:
    """Names, buckets, parameters, logs, alarms."""
    net = SmallNetwork()
    zone = aws_sdk.route53.Zone("zone", name="quorate.internal", vpcs=[{"vpc_id": net.vpc.id}])
    aws_sdk.route53.Record(
        "record", zone_id=zone.zone_id, name="b0", type="A", ttl=60 + step, records=["10.0.0.10"]
    )
    bucket = aws_sdk.s3.Bucket("bucket", force_destroy=True, tags={"Step": str(step)})
    aws_sdk.s3.BucketVersioning(
        "versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"}
    )
    aws_sdk.s3.BucketPublicAccessBlock("block", bucket=bucket.id, block_public_acls=True)
    aws_sdk.s3.BucketServerSideEncryptionConfiguration(
        "encryption",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}}],
    )
    aws_sdk.s3.BucketLifecycleConfiguration(
        "life",
        bucket=bucket.id,
        rules=[{"id": "old", "status": "Enabled", "expiration": {"days": 90 + step}}],
    )
    aws_sdk.s3.BucketPolicy("bucket-policy", bucket=bucket.id, policy=_allow("s3:GetObject"))
    aws_sdk.s3.BucketObjectv2("object", bucket=bucket.id, key="settings", content=f"step={step}")
    aws_sdk.ssm.Parameter("parameter", type="String", value=f"step {step}")
    document = aws_sdk.ssm.Document(
        "document",
        document_type="Command",
        content=json.dumps({"schemaVersion": "2.2", "description": str(step), "mainSteps": []}),
    )
    aws_sdk.ssm.Association(
        "roll",
        name=document.name,
        targets=[{"key": "tag:Role", "values": ["broker"]}],
        max_concurrency=str(1 + step),
    )
    aws_sdk.cloudwatch.LogGroup("logs", retention_in_days=(7, 14)[step])
    topic = aws_sdk.sns.Topic("topic")
    aws_sdk.cloudwatch.MetricAlarm(
        "alarm",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        threshold=10 + step,
        namespace="Quorate",
        metric_name="Lag",
        period=60,
        statistic="Maximum",
        alarm_actions=[topic.arn],
    )
    rule = aws_sdk.cloudwatch.EventRule("rule", schedule_expression="rate(1 hour)")
    aws_sdk.cloudwatch.EventTarget("target", rule=rule.name, arn=topic.arn)


def clusters(step: int) -> None:
    """A Kubernetes cluster with nodes, add-ons and identities."""
    net = SmallNetwork()
    role = aws_sdk.iam.Role("role", assume_role_policy=_trust("eks"))
    subnets = [subnet.id for subnet in net.subnets]
    cluster = aws_sdk.eks.Cluster(
        "cluster",
        role_arn=role.arn,
        version="1.33",
        vpc_config={"subnet_ids": subnets, "endpoint_private_access": True},
        tags={"Step": str(step)},
    )
    aws_sdk.eks.NodeGroup(
        "nodes",
        cluster_name=cluster.name,
        node_role_arn=role.arn,
        subnet_ids=subnets,
        instance_types=["m6g.large"],
        scaling_config={"desired_size": 3 + step, "min_size": 3, "max_size": 6},
    )
    aws_sdk.eks.Addon(
        "csi",
        cluster_name=cluster.name,
        addon_name="aws-ebs-csi-driver",
        configuration_values=json.dumps({"step": step}),
    )
    aws_sdk.eks.PodIdentityAssociation(
        "pods",
        cluster_name=cluster.name,
        namespace="quorate",
        service_account="fleet",
        role_arn=role.arn,
    )
    issuer = cluster.identities[0].apply(lambda found: (found.oidcs or [])[0].issuer or "")
    aws_sdk.iam.OpenIdConnectProvider("issuer", url=issuer, client_id_lists=["sts.amazonaws.com"])
    pulumi.export("endpoint", cluster.endpoint)
