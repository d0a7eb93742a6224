"""A small S3 client for a bucket: signed requests on kept connections."""
