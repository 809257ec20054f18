"""How the chaos suite comes to its credentials in a pod: from mounted files, asking nobody.

StackOutputs say which Secrets hold the suite's credentials and the authority's certificate. In a
pod both are mounted, so a step before the suite writes the outputs anew, with the certificate in
them and the credentials in a file that only the suite's own user may read: no right to read any
Secret is needed, and none is given.
"""

from pulumi_kubernetes import core

from blueprint.fleet_contract import AUTHORITY, CERTIFICATE, IDENTITY_FOLDER, KEY, PASSWORD
from components import restricted_pods
from components.kafka_identity import KafkaIdentity

#: In memory alone, gone with the pod.
OWN_FOLDER = "/var/run/quorate"
OUTPUTS_FILE = f"{OWN_FOLDER}/outputs.json"
_VOLUME = "own"

#: Run by the suite's own image: argv is the outputs as declared, the folder of the mounted files,
#: the principal, and the folder to write into.
SCRIPT = f"""\
import json, os, pathlib, sys
declared, mounted, principal, own = sys.argv[1:]
def text(name):
    file = pathlib.Path(mounted, name)
    return file.read_text() if file.exists() else ""
kept = {{"username": principal, "password": text("{PASSWORD}"),
        "certificate_pem": text("{CERTIFICATE}"), "key_pem": text("{KEY}")}}
kept = {{name: value for name, value in kept.items() if value}}
outputs = json.loads(pathlib.Path(declared).read_text())
at = os.path.join(own, "credentials.json")
outputs["security"] |= {{"ca_pem": text("{AUTHORITY}"), "ca_secret": None,
                        "credentials": {{"source": "file", "at": at}}}}
for path, said in ((at, kept), (os.path.join(own, "outputs.json"), outputs)):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(said, file)
"""


def own_volume() -> core.v1.VolumeArgs:
    """Where they are written."""
    source = core.v1.EmptyDirVolumeSourceArgs(medium="Memory", size_limit="8Mi")
    return core.v1.VolumeArgs(name=_VOLUME, empty_dir=source)


def own_mount(*, read_only: bool = True) -> core.v1.VolumeMountArgs:
    """The folder in a container."""
    return core.v1.VolumeMountArgs(name=_VOLUME, mount_path=OWN_FOLDER, read_only=read_only)


def identifying(
    image: str, identity: KafkaIdentity, declared: core.v1.VolumeMountArgs, file: str
) -> core.v1.ContainerArgs:
    """The step before the suite.

    Args:
        image: The suite's.
        identity: The suite's.
        declared: Mounts the outputs as the stack declared them.
        file: Where that mount puts them.
    """
    return core.v1.ContainerArgs(
        name="identity",
        image=image,
        command=["python", "-c", SCRIPT],
        args=[file, IDENTITY_FOLDER, identity.principal, OWN_FOLDER],
        resources=core.v1.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "128Mi"}
        ),
        security_context=restricted_pods.container_security(),
        volume_mounts=[declared, identity.mount(), own_mount(read_only=False)],
    )
