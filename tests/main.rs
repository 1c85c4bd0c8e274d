//! All product tests: one binary, one link. The modules are the features.
