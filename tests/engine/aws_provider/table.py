"""Every type that stands in, by its token. A type that is not here is refused by name."""

from tests.engine.aws_provider.compute import COMPUTE
from tests.engine.aws_provider.disks import DISKS
from tests.engine.aws_provider.dns import DNS
from tests.engine.aws_provider.eks import EKS
from tests.engine.aws_provider.entry import Entry
from tests.engine.aws_provider.firewall import FIREWALL
from tests.engine.aws_provider.identity import IDENTITY
from tests.engine.aws_provider.network import NETWORK
from tests.engine.aws_provider.routes import ROUTES
from tests.engine.aws_provider.secrets import SECRETS
from tests.engine.aws_provider.storage import STORAGE
from tests.engine.aws_provider.systems import SYSTEMS
from tests.engine.aws_provider.watching import WATCHING

TABLE: dict[str, Entry] = {
    **NETWORK,
    **ROUTES,
    **FIREWALL,
    **COMPUTE,
    **DISKS,
    **IDENTITY,
    **DNS,
    **SECRETS,
    **EKS,
    **STORAGE,
    **SYSTEMS,
    **WATCHING,
}
