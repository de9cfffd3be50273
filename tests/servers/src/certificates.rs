//! An authority of one's own and the certificate of a server that listens on loopback.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The files a server with TLS is started with.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// What a client must trust.
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory, for `localhost` and 127.0.0.1. Each server has another authority: who trusts one does not
    /// trust the next.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        let authority_key = KeyPair::generate().context("make the authority's key")?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_certificate = authority.self_signed(&authority_key).context("sign the authority")?;
        let key = KeyPair::generate().context("make the server's key")?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut server = CertificateParams::new(names).context("name the server")?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::new(authority, authority_key);
        let certificate = server
            .signed_by(&key, &issuer)
            .context("sign the server's certificate")?;
        let write = |name: &str, contents: String| {
            let path = directory.join(name);
            fs::write(&path, contents).with_context(|| format!("write {}", path.display()))?;
            anyhow::Ok(path)
        };
        Ok(Self {
            authority: write("authority.pem", authority_certificate.pem())?,
            certificate: write("server.pem", certificate.pem())?,
            key: write("server.key", key.serialize_pem())?,
        })
    }
}
