"""Who a pod is to Kafka: two Secrets as files, nothing in its environment or its settings."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from blueprint.client_settings import Setting
from blueprint.fleet_contract import AUTHORITY, CERTIFICATE, IDENTITY_FOLDER, KEY, PASSWORD
from blueprint.security import MECHANISM, Security

_VOLUME = "identity"
#: The owner and the pod's group may read.
_MODE = 0o440


@dataclass(frozen=True, slots=True)
class KafkaIdentity:
    """One principal of a cluster with security.

    Attributes:
        security: How it proves itself; not ``PLAINTEXT``.
        principal: Its name.
        secret: In the pod's namespace: ``password`` for SCRAM, ``user.crt`` and ``user.key`` for
            mutual TLS.
        authority_secret: There too: ``ca.crt`` signed the brokers' certificates.
    """

    security: Security
    principal: str
    secret: pulumi.Input[str]
    authority_secret: pulumi.Input[str]

    @property
    def proofs(self) -> tuple[str, ...]:
        """The keys that are its own proof."""
        return (PASSWORD,) if self.security is Security.SCRAM else (CERTIFICATE, KEY)

    def volume(self) -> core.v1.VolumeArgs:
        """Both Secrets as one folder; the pod waits until they are there."""
        sources = [(self.secret, self.proofs), (self.authority_secret, (AUTHORITY,))]
        return core.v1.VolumeArgs(
            name=_VOLUME,
            projected=core.v1.ProjectedVolumeSourceArgs(
                default_mode=_MODE,
                sources=[
                    core.v1.VolumeProjectionArgs(
                        secret=core.v1.SecretProjectionArgs(
                            name=secret,
                            items=[core.v1.KeyToPathArgs(key=key, path=key) for key in keys],
                        )
                    )
                    for secret, keys in sources
                ],
            ),
        )

    def mount(self) -> core.v1.VolumeMountArgs:
        """The folder in a container."""
        return core.v1.VolumeMountArgs(name=_VOLUME, mount_path=IDENTITY_FOLDER, read_only=True)

    def settings(self) -> dict[str, Setting]:
        """What a client adds to its settings, in librdkafka's names.

        The password is not among them, since librdkafka takes none from a file: a SCRAM client
        reads ``IDENTITY_FOLDER/password`` itself and sets ``sasl.password``.
        """
        common: dict[str, Setting] = {
            "ssl.ca.location": f"{IDENTITY_FOLDER}/{AUTHORITY}",
            "ssl.endpoint.identification.algorithm": "https",
        }
        if self.security is Security.SCRAM:
            return common | {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": MECHANISM,
                "sasl.username": self.principal,
            }
        return common | {
            "security.protocol": "SSL",
            "ssl.certificate.location": f"{IDENTITY_FOLDER}/{CERTIFICATE}",
            "ssl.key.location": f"{IDENTITY_FOLDER}/{KEY}",
        }
