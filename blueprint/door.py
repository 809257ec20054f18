"""How every room's door ends: its exit code, or one line for each thing that was refused."""

import sys

import typer

BAD_INPUT = 2


def run_door(app: typer.Typer, name: str, *refused: type[Exception]) -> int:
    """Run a command line.

    Args:
        app: The commands.
        name: The room; stands before every line of a refusal.
        refused: What a command raises to refuse: it is said on stderr, not traced.

    Returns:
        The exit code; 2 for what was refused.
    """
    try:
        # Without click's own ending an exit code is what the call returns.
        code = app(standalone_mode=False)
    except refused as error:
        print(f"{name}: {error}".replace("\n", f"\n{name}: "), file=sys.stderr)
        return BAD_INPUT
    except typer.Abort:
        return BAD_INPUT
    except Exception as error:
        if error.__class__.__module__.startswith(("click", "typer")):
            said = getattr(error, "format_message", None)
            print(f"{name}: {said() if callable(said) else error}", file=sys.stderr)
            return BAD_INPUT
        raise
    return code if isinstance(code, int) else 0
