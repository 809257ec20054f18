"""An experiment as run, written so that it can be run again and judged again."""

import yaml

from chaos.experiment.model import Experiment


def dump(experiment: Experiment) -> str:
    """YAML of the experiment with every default spelled out, seed included."""
    return str(yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, width=96))
