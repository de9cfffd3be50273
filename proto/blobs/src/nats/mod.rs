//! Blobs in an object store of NATS JetStream.
