"""What a run may disturb: each target is one file, and only ``lab`` knows the lab."""
