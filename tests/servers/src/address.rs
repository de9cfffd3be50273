//! The same server under another address.

use std::net::SocketAddr;

/// The URL with `address` in place of its host and port; user, password, path and query stay.
///
/// # Panics
/// When `url` has no `://`.
pub fn redirected(url: &str, address: SocketAddr) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let user = authority.rfind('@').map_or("", |at| &authority[..=at]);
    format!("{scheme}://{user}{address}{path}")
}

#[cfg(test)]
mod tests {
    use super::redirected;

    #[test]
    fn only_host_and_port_change() {
        let address = "127.0.0.1:7".parse().unwrap();
        let url = redirected("postgres://me:a@b@127.0.0.1:5432/db?x=1", address);
        assert_eq!(url, "postgres://me:a@b@127.0.0.1:7/db?x=1");
        assert_eq!(redirected("nats://localhost:4222", address), "nats://127.0.0.1:7");
    }
}
