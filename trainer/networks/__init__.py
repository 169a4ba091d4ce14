"""From uint8 images to logits: backbones, heads, and the weights that they start from."""
