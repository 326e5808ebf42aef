"""What all tests share."""

from hypothesis import settings

# How long an example takes says something about the machine, which others may use too; benchmarks measure speed.
settings.register_profile("hotline", deadline=None)
settings.load_profile("hotline")
