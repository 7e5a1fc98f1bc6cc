"""From what the network answers to the mask of what is repainted."""
