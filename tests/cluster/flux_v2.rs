//! Engine `flux-v2`.
