"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A busy machine is no failure: what an example may take is pytest's time-out to say.
settings.register_profile(
    "busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")
