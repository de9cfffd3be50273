//! Where a channel's calls go: to the platform's own host, unless the operator says otherwise in so many words.

use anyhow::{Context, bail};
use reqwest::Url;

/// The address that a channel calls. A credential must not go to a stranger because of one changed line, so another host
/// than the official one needs a second setting.
///
/// # Errors
/// When the address is none, or of another host without that setting; says what to do.
pub(super) fn checked_base_url(
    setting: &str,
    configured: Option<&str>,
    official: &str,
    allow_unofficial_host: bool,
) -> anyhow::Result<String> {
    let Some(configured) = configured else {
        return Ok(official.to_owned());
    };
    let parse = |url: &str| {
        Url::parse(url)
            .with_context(|| format!("{setting}.base_url: {url:?} is no address: it must look like {official}"))
    };
    let (url, known) = (parse(configured)?, parse(official)?);
    let is_official = url.host_str() == known.host_str() && url.scheme() == known.scheme();
    if !is_official && !allow_unofficial_host {
        bail!(
            "{setting}.base_url names the host {:?}, which is not the platform's own ({:?}): the account's credentials \
             would be sent there. Set {setting}.allow_unofficial_host = true if that is what you want",
            url.host_str().unwrap_or_default(),
            known.host_str().unwrap_or_default()
        );
    }
    Ok(configured.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICIAL: &str = "https://api.example.org";

    #[test]
    fn a_credential_goes_to_a_stranger_only_when_told_so_twice() {
        let check = |url, allowed| checked_base_url("channels.x", url, OFFICIAL, allowed);
        assert_eq!(check(None, false).unwrap(), OFFICIAL);
        assert!(check(Some("https://api.example.org/v2"), false).is_ok());
        for stranger in [
            "https://api.example.org.evil.net",
            "http://api.example.org",
            "http://127.0.0.1:1",
        ] {
            let refused = check(Some(stranger), false).unwrap_err().to_string();
            assert!(refused.contains("allow_unofficial_host"), "{refused}");
            assert!(check(Some(stranger), true).is_ok());
        }
        assert!(check(Some("api.example.org"), true).is_err());
    }
}
