"""What the lab says when it cannot do what was asked."""


class LabError(Exception):
    """The machine or an earlier run stands in the way; the text is one line for the user."""
