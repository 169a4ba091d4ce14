"""The words that flags choose among."""

STRATEGIES_OF_ONE_PROCESS = ("default", "one_device", "mirrored", "central_storage")
STRATEGIES = (*STRATEGIES_OF_ONE_PROCESS, "multi_worker_mirrored")
OPTIMIZERS = ("adam", "adamw", "sgd", "lion")
SCHEDULES = ("cosine", "constant", "step", "plateau")
MONITORS = ("loss", "accuracy", "auc")
NONE, BALANCED = "none", "balanced"
CLASS_WEIGHTS = (NONE, BALANCED)
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AUTO, PER_CLASS = "auto", "per_class"
FROZEN, SYNC, LOCAL = "frozen", "sync", "local"
BATCH_NORMS = (AUTO, FROZEN, SYNC, LOCAL)
HEADS = ("gap", "flatten")
LOGITS = (AUTO, PER_CLASS)
SCALINGS = ("own", "contrast")
AUGMENTATIONS = ("none", "flip", "flip_crop", "reference", "forensic")
