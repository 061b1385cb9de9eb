"""Outside standards as frozen values: digest, reference, platform, descriptor, manifest, image config."""
