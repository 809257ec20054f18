"""How the real parts are had: pinned, checked by hash, kept once per user."""
