//! How this host reaches the network, handed on to the build: proxies, an npm registry of one's own, the CA bundle.
//!
//! None of it ends in the image: the engine keeps its predefined proxy arguments out of the history, the rest is used
//! in the builder stage only.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Build arguments taken over from the environment; the engine knows the proxy names without an `ARG`.
const BUILD_ARGS: [&str; 7] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NPM_CONFIG_REGISTRY",
];

/// Variables that name a CA bundle, the most specific first.
const CA_BUNDLE_VARIABLES: [&str; 2] = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];

/// Where Debian, Ubuntu and their relatives keep the bundle.
const CA_BUNDLE_DEFAULT: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A bundle of all public CAs has 0.2 MB; more than this is some other file.
const CA_BUNDLE_BYTES_MAX: u64 = 4 << 20;

/// Trusted CA certificates in PEM form.
pub(super) struct CaBundle {
    pub(super) pem: Vec<u8>,
}

/// What the build must know to reach the network from here.
pub(super) struct HostNetwork {
    /// Build arguments by name.
    pub(super) build_args: HashMap<String, String>,
    /// The host's CA bundle, for hosts behind a proxy that opens TLS.
    pub(super) ca_bundle: Option<CaBundle>,
}

impl HostNetwork {
    /// Reads the process environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "these variables belong to the host's tools, not to our configuration"
    )]
    pub(super) fn of_this_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let build_args = BUILD_ARGS
            .iter()
            .filter_map(|name| lookup(name).map(|value| ((*name).to_owned(), value)))
            .collect();
        let named = CA_BUNDLE_VARIABLES
            .iter()
            .filter_map(|name| lookup(name))
            .map(PathBuf::from);
        let ca_bundle = named
            .chain([PathBuf::from(CA_BUNDLE_DEFAULT)])
            .find_map(|path| read_bundle(&path));
        Self { build_args, ca_bundle }
    }
}

fn read_bundle(path: &Path) -> Option<CaBundle> {
    let mut pem = Vec::new();
    File::open(path)
        .ok()?
        .take(CA_BUNDLE_BYTES_MAX + 1)
        .read_to_end(&mut pem)
        .ok()?;
    (!pem.is_empty() && pem.len() as u64 <= CA_BUNDLE_BYTES_MAX).then_some(CaBundle { pem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_variables_reach_the_build() {
        let network = HostNetwork::from_lookup(|name| match name {
            "HTTPS_PROXY" => Some("http://proxy.example:3128".to_owned()),
            "ANTHROPIC_API_KEY" => Some("secret".to_owned()),
            _ => None,
        });
        let expected = [("HTTPS_PROXY".to_owned(), "http://proxy.example:3128".to_owned())];
        assert_eq!(network.build_args, HashMap::from(expected));
    }

    #[test]
    fn a_named_bundle_that_is_no_bundle_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, good) = (dir.path().join("empty"), dir.path().join("good"));
        std::fs::write(&empty, "").unwrap();
        std::fs::write(&good, "certificates").unwrap();
        let network = HostNetwork::from_lookup(|name| match name {
            "NODE_EXTRA_CA_CERTS" => Some(empty.display().to_string()),
            "SSL_CERT_FILE" => Some(good.display().to_string()),
            _ => None,
        });
        assert_eq!(network.ca_bundle.unwrap().pem, b"certificates");
    }
}
