//! The consent of a mailbox's owner, given in a browser that comes back to a port of this machine (RFC 8252, PKCE).
//!
//! Google's other way, a code typed in on another device, is closed for the scopes of Gmail.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use oauth2::{
    AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::credentials::{Credentials, Keys};
use super::oauth::{Carrier, client, token_error};
use crate::config::Gmail as Settings;
use crate::rest::Rest;

/// Reads, labels and sends; deletes nothing for good.
const SCOPE: &str = "https://www.googleapis.com/auth/gmail.modify";
/// Longest request of a browser that is read.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// How long a browser may take to send it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A consent that is asked for.
pub struct Consent {
    /// Where the owner must go.
    pub url: String,
    listener: TcpListener,
    keys: Keys,
    redirect: RedirectUrl,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    oauth_url: String,
}

impl Consent {
    /// Begins to ask; `port` 0 takes a free one.
    ///
    /// # Errors
    /// When there is no OAuth client, no port, or the addresses are not Google's.
    pub async fn begin(settings: &Settings, port: u16) -> anyhow::Result<Self> {
        settings.check_hosts()?;
        let keys = Keys::read(&settings.keys_file)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("cannot listen on port {port} of this machine: choose another with --port"))?;
        let redirect = RedirectUrl::new(format!("http://{}/", listener.local_addr()?))?;
        let auth = AuthUrl::new(format!(
            "{}/o/oauth2/v2/auth",
            settings.accounts_url.trim_end_matches('/')
        ))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let asking = client(&keys, &settings.oauth_url)?.set_auth_uri(auth);
        let (url, state) = asking
            .authorize_url(CsrfToken::new_random)
            .add_scope(Scope::new(SCOPE.to_owned()))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Borrowed(&redirect))
            // Only so does Google give a refresh token, every time.
            .add_extra_param("access_type", "offline")
            .add_extra_param("prompt", "consent")
            .url();
        Ok(Self {
            url: url.to_string(),
            listener,
            keys,
            redirect,
            state,
            verifier,
            oauth_url: settings.oauth_url.clone(),
        })
    }

    /// Waits for the browser to come back, and fetches the credentials.
    ///
    /// # Errors
    /// When the owner declines, or Google does not keep to it.
    pub async fn from_browser(self) -> anyhow::Result<Credentials> {
        let code = loop {
            let (mut stream, _) = self.listener.accept().await?;
            // A browser also asks for an icon.
            let Some(url) = requested(&mut stream, &self.redirect).await else {
                continue;
            };
            let code = self.code(&url);
            let says = match &code {
                Ok(Some(_)) => "Done. You can close this window and go back to the terminal.",
                Ok(None) => "",
                Err(_) => "That did not work; the terminal says why.",
            };
            answer(&mut stream, says).await;
            if let Some(code) = code? {
                break code;
            }
        };
        self.exchange(code).await
    }

    /// Takes the address that a browser elsewhere could not open.
    ///
    /// # Errors
    /// As [`Consent::from_browser`].
    pub async fn from_address(self, address: &str) -> anyhow::Result<Credentials> {
        let url = Url::parse(address.trim()).context("this is no address: copy the whole line of the browser")?;
        let code = self
            .code(&url)?
            .context("this address carries no code: copy the whole line of the browser")?;
        self.exchange(code).await
    }

    fn code(&self, url: &Url) -> anyhow::Result<Option<String>> {
        let of = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        if let Some(error) = of("error") {
            bail!("the consent was not given: {error}");
        }
        let Some(code) = of("code") else { return Ok(None) };
        ensure!(
            of("state").as_deref() == Some(self.state.secret()),
            "this answer belongs to another attempt: start again"
        );
        Ok(Some(code))
    }

    async fn exchange(self, code: String) -> anyhow::Result<Credentials> {
        let rest = Rest::new(&self.oauth_url, [self.keys.client_secret.clone()])?;
        let carrier = Carrier(&rest);
        let client = client(&self.keys, &self.oauth_url)?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(self.verifier)
            .set_redirect_uri(Cow::Borrowed(&self.redirect))
            .request_async(&carrier)
            .await
            .map_err(token_error)?;
        let refresh_token = answer
            .refresh_token()
            .context("Google gave no refresh token: start again")?;
        Ok(Credentials {
            refresh_token: refresh_token.secret().clone(),
            scope: Some(SCOPE.to_owned()),
            token_type: Some("Bearer".to_owned()),
        })
    }
}

async fn requested(stream: &mut TcpStream, base: &RedirectUrl) -> Option<Url> {
    let mut request = Vec::new();
    let read = async {
        let mut chunk = [0; 1024];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(length) => request.extend_from_slice(&chunk[..length]),
            }
        }
    };
    // What came until then is looked at.
    let _ = tokio::time::timeout(REQUEST_TIMEOUT, read).await;
    let text = String::from_utf8_lossy(&request);
    let path = text.strip_prefix("GET ")?.split(' ').next()?;
    base.url().join(path).ok()
}

async fn answer(stream: &mut TcpStream, says: &str) {
    let page = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{says}",
        says.len()
    );
    // The code is here; whether the browser shows the page does not matter.
    let _ = stream.write_all(page.as_bytes()).await;
    let _ = stream.shutdown().await;
}
