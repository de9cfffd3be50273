//! The build context: what `container/` held when this binary was compiled, as a tar archive.
//!
//! The archive of the same sources is the same bytes (fixed times, owner and mode), so the engine's layer cache holds.

use std::io;

use sha2::{Digest, Sha256};

use super::host_network::CaBundle;

/// `(path in the context, content)`, sorted by path.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/agent_image_context.rs"));

/// Where the Dockerfile looks for the host's CA bundle.
const CA_BUNDLE_PATH: &str = "host-ca.crt";

/// Names what an image is made of. The host's CA bundle is not part of it, nor is a base we chose ourselves: neither
/// changes what the image does.
pub(super) fn source_hash(base_image: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(base_image.unwrap_or_default());
    for (path, content) in FILES {
        // Lengths keep the boundaries: moving bytes from one file into the next changes the hash.
        hash.update([0]);
        hash.update(path);
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hex::encode(hash.finalize())
}

/// The context as an uncompressed tar archive.
pub(super) fn archive(ca_bundle: Option<&CaBundle>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in FILES {
        append(&mut archive, path, content)?;
    }
    if let Some(bundle) = ca_bundle {
        append(&mut archive, CA_BUNDLE_PATH, &bundle.pem)?;
    }
    archive.into_inner()
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn context_holds_everything_the_dockerfile_copies() {
        let names = names(&archive(None).unwrap());
        for needed in [
            "Dockerfile",
            "agent-runner/package.json",
            "agent-runner/package-lock.json",
        ] {
            assert!(
                names.iter().any(|name| name == needed),
                "{needed} is missing in {names:?}"
            );
        }
        assert!(names.iter().any(|name| name.starts_with("agent-runner/src/")));
        assert!(!names.iter().any(|name| name.contains("node_modules")));
    }

    #[test]
    fn ca_bundle_is_handed_in_only_when_the_host_has_one() {
        let bundle = CaBundle {
            pem: b"-----BEGIN CERTIFICATE-----".to_vec(),
        };
        assert!(
            names(&archive(Some(&bundle)).unwrap())
                .iter()
                .any(|name| name == CA_BUNDLE_PATH)
        );
        assert!(!names(&archive(None).unwrap()).iter().any(|name| name == CA_BUNDLE_PATH));
    }

    #[test]
    fn same_sources_make_the_same_archive_and_hash() {
        assert_eq!(archive(None).unwrap(), archive(None).unwrap());
        assert_eq!(source_hash(None), source_hash(None));
    }

    #[test]
    fn another_base_image_is_another_source() {
        assert_ne!(source_hash(None), source_hash(Some("node:22-bookworm-slim")));
    }
}
