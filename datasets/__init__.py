"""What networks are trained on: photographs in the layout of the contest, and drawn ones."""
