"""Pictures of every mode as what a dataset stores: three channels of eight bits."""

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """Returns 8 bit RGB, what is transparent over white; of any mode of Pillow.

    An image that is such is returned itself.
    """
    image.load()
    if image.mode.startswith("I"):
        return _sixteen_bit_grey_to_rgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _sixteen_bit_grey_to_rgb(image: Image.Image) -> Image.Image:
    # The high byte, as Pillow does with 16-bit colour; its convert() would clip grey to white.
    values = np.asarray(image)
    grey = (values >> 8).clip(0, 255).astype(np.uint8)
    if (transparent := image.info.get("transparency")) is not None:
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")
