//! The build contexts as tar archives: for agents what `container/` held when this binary was compiled, for services the
//! binary itself.
//!
//! The archive of the same files is the same bytes (fixed times, owner and mode), so the engine's layer cache holds.

use std::borrow::Cow;
use std::io;

use anyhow::Context as _;
use sha2::{Digest, Sha256};

use super::host_network::CaBundle;
use super::kind::Kind;

/// `(path in the context, content)`, sorted by path.
const AGENT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/agent_image_context.rs"));

/// How the service image is made.
const SERVICE_DOCKERFILE: &[u8] = include_bytes!("../../../container/service/Dockerfile");

/// Where the Dockerfile looks for the host's CA bundle.
const CA_BUNDLE_PATH: &str = "host-ca.crt";

/// What an image is made of.
pub(super) struct Context {
    files: Vec<File>,
    /// Whether its build downloads something and may have to trust the host's own authorities.
    takes_ca_bundle: bool,
}

struct File {
    path: &'static str,
    mode: u32,
    content: Cow<'static, [u8]>,
}

impl Context {
    /// The context of an image.
    pub(super) fn of(kind: Kind) -> anyhow::Result<Self> {
        Ok(match kind {
            Kind::Agent => Self {
                files: AGENT
                    .iter()
                    .map(|(path, content)| File::embedded(path, content))
                    .collect(),
                takes_ca_bundle: true,
            },
            Kind::Service => Self::service(this_program()?),
        })
    }

    fn service(program: Vec<u8>) -> Self {
        let program = File {
            path: "clawhold",
            mode: 0o755,
            content: Cow::Owned(program),
        };
        Self {
            files: vec![File::embedded("Dockerfile", SERVICE_DOCKERFILE), program],
            takes_ca_bundle: false,
        }
    }

    /// Names what the image is made of. The host's CA bundle is not part of it, nor is a base we chose ourselves: neither
    /// changes what the image does.
    pub(super) fn source_hash(&self, base_image: Option<&str>) -> String {
        let mut hash = Sha256::new();
        hash.update(base_image.unwrap_or_default());
        for file in &self.files {
            // Lengths keep the boundaries: moving bytes from one file into the next changes the hash.
            hash.update([0]);
            hash.update(file.path);
            hash.update((file.content.len() as u64).to_be_bytes());
            hash.update(&file.content);
        }
        hex::encode(hash.finalize())
    }

    /// The context as an uncompressed tar archive.
    pub(super) fn archive(&self, ca_bundle: Option<&CaBundle>) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for file in &self.files {
            append(&mut archive, file.path, file.mode, &file.content)?;
        }
        if let Some(bundle) = ca_bundle.filter(|_| self.takes_ca_bundle) {
            append(&mut archive, CA_BUNDLE_PATH, 0o644, &bundle.pem)?;
        }
        archive.into_inner()
    }
}

impl File {
    fn embedded(path: &'static str, content: &'static [u8]) -> Self {
        Self {
            path,
            mode: 0o644,
            content: Cow::Borrowed(content),
        }
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, path, content)
}

/// The program that runs, as it was when it was started: the file of that name may be another one by now.
fn this_program() -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(
        cfg!(target_os = "linux"),
        "the service image holds this very program, which must be one for Linux: build the image on Linux"
    );
    std::fs::read("/proc/self/exe").context("reading this program from /proc/self/exe")
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

    fn agent() -> Context {
        Context::of(Kind::Agent).unwrap()
    }

    #[test]
    fn context_holds_everything_the_dockerfile_copies() {
        let names = names(&agent().archive(None).unwrap());
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
    fn ca_bundle_is_handed_in_only_when_the_host_has_one_and_the_build_downloads() {
        let bundle = CaBundle {
            pem: b"-----BEGIN CERTIFICATE-----".to_vec(),
        };
        let holds_it = |context: &Context, bundle| {
            let names = names(&context.archive(bundle).unwrap());
            names.iter().any(|name| name == CA_BUNDLE_PATH)
        };
        assert!(holds_it(&agent(), Some(&bundle)));
        assert!(!holds_it(&agent(), None));
        assert!(!holds_it(&Context::service(Vec::new()), Some(&bundle)));
    }

    #[test]
    fn same_sources_make_the_same_archive_and_hash() {
        assert_eq!(agent().archive(None).unwrap(), agent().archive(None).unwrap());
        assert_eq!(agent().source_hash(None), agent().source_hash(None));
    }

    #[test]
    fn another_base_image_is_another_source() {
        assert_ne!(
            agent().source_hash(None),
            agent().source_hash(Some("node:22-bookworm-slim"))
        );
    }

    #[test]
    fn another_program_is_another_service_image() {
        let hash = |program: &[u8]| Context::service(program.to_vec()).source_hash(None);
        assert_eq!(hash(b"a"), hash(b"a"));
        assert_ne!(hash(b"a"), hash(b"b"));
    }

    #[test]
    fn service_image_holds_a_program_that_may_be_run() {
        let archive = Context::service(b"program".to_vec()).archive(None).unwrap();
        assert_eq!(names(&archive), ["Dockerfile", "clawhold"]);
        let mut archive = tar::Archive::new(archive.as_slice());
        let program = archive.entries().unwrap().nth(1).unwrap().unwrap();
        assert_eq!(program.header().mode().unwrap(), 0o755);
    }
}
