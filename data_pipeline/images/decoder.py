"""The child in which images are opened; see `isolation`."""

from data_pipeline.images import image_policy, inspection, silence
from data_pipeline.images.image_policy import Reason, Rejection
from data_pipeline.isolation import child

PROGRAM = child.Program(
    module="data_pipeline.images.decoder",
    role="decoder",
    functions={"look": inspection.look, "store": image_policy.store},
    patience=30,
    # The worst picture of image_policy.MAX_PIXELS takes 1.1 GB; requests that wait come on top.
    max_memory=3 << 30,  # 3 GiB
    fetch={"look": inspection.read},
    reject=lambda reason, detail: Rejection(Reason(reason), detail),
)

if __name__ == "__main__":
    with silence.PILLOW:  # once: each time takes as long as to hash an image
        child.main(PROGRAM)
