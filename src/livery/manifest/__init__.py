"""The language: contracts, capabilities, schemas, envelopes, codes. Pure; needs nothing of ours."""
