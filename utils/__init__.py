"""All that prediction, training and scoring share; needs no PyTorch."""
