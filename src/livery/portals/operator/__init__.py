"""The operator's portal: catalog, certificates, runs, the digest, provenance, health."""
