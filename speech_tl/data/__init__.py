"""Floor 1: manifests (tables of utterances), their checks, batches of similar length, augmentation."""
