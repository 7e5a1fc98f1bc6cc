"""Networks, their losses and their training; checkpoints and graphs."""
