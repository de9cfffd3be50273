//! Google's OAuth: consent in a browser (loopback redirect, PKCE), tokens, refresh, revocation.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::platform::{Answer, Call, parse_form};

/// Id of the client that is registered.
pub const CLIENT_ID: &str = "123456789012-standin.apps.googleusercontent.com";
/// Its secret: of an installed application, so no great secret.
pub const CLIENT_SECRET: &str = "GOCSPX-stand-in-secret";
/// The scope that reads, labels and sends.
pub const SCOPE: &str = "https://www.googleapis.com/auth/gmail.modify";
/// How long an access token is good.
const ACCESS_TOKEN_SECONDS: u64 = 3_599;
/// Tokens and codes kept at a time.
const TOKENS_MAX: usize = 10_000;

struct Code {
    challenge: String,
    redirect_uri: String,
    scope: String,
}

#[derive(Default)]
pub(super) struct Oauth {
    codes: BTreeMap<String, Code>,
    /// Refresh tokens and whether each is good.
    refresh: BTreeMap<String, bool>,
    /// Access tokens and when each ends.
    access: BTreeMap<String, u64>,
    pub(super) declines: bool,
    count: u64,
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

impl Oauth {
    fn next(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}stand-in-{:08}", self.count)
    }

    pub(super) fn is_good(&self, access: &str, now_s: u64) -> bool {
        self.access.get(access).is_some_and(|ends| now_s < *ends)
    }

    pub(super) fn expire_access(&mut self) {
        self.access.clear();
    }

    pub(super) fn revoke_all(&mut self) {
        self.access.clear();
        self.refresh.values_mut().for_each(|good| *good = false);
    }

    pub(super) fn restore_all(&mut self) {
        self.refresh.values_mut().for_each(|good| *good = true);
    }

    /// A refresh token as if consent had been given.
    pub(super) fn grant(&mut self) -> String {
        let token = self.next("1//");
        self.refresh.insert(token.clone(), true);
        token
    }

    /// What the person's browser gets when it opens the consent page, and the person agrees at once (or does not).
    pub(super) fn consent(&mut self, call: &Call) -> Answer {
        let of = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
        let redirect_uri = of("redirect_uri");
        let is_loopback = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
            .iter()
            .any(|start| redirect_uri.starts_with(start));
        if of("client_id") != CLIENT_ID || of("response_type") != "code" {
            return refused(401, "invalid_client", "The OAuth client was not found.");
        }
        if !is_loopback {
            return refused(
                400,
                "redirect_uri_mismatch",
                "The redirect URI is not allowed for this client.",
            );
        }
        let told = if !self.declines && self.codes.len() < TOKENS_MAX {
            let code = self.next("4/0A");
            let kept = Code {
                challenge: of("code_challenge").to_owned(),
                redirect_uri: redirect_uri.to_owned(),
                scope: of("scope").to_owned(),
            };
            self.codes.insert(code.clone(), kept);
            format!("code={}", code.replace('/', "%2F"))
        } else {
            "error=access_denied".to_owned()
        };
        let location = format!("{redirect_uri}?state={}&{told}", of("state"));
        Answer::empty(StatusCode::FOUND).header("location", location)
    }

    pub(super) fn token(&mut self, call: &Call, now_s: u64) -> Answer {
        let form = parse_form(&String::from_utf8_lossy(&call.body));
        let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if of("client_id") != CLIENT_ID || of("client_secret") != CLIENT_SECRET {
            return refused(401, "invalid_client", "The provided client secret is invalid.");
        }
        match of("grant_type") {
            "authorization_code" => {
                let Some(code) = self.codes.remove(of("code")) else {
                    return refused(400, "invalid_grant", "Malformed auth code.");
                };
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier")));
                if challenge != code.challenge {
                    return refused(400, "invalid_grant", "Invalid code verifier.");
                }
                if of("redirect_uri") != code.redirect_uri {
                    return refused(400, "redirect_uri_mismatch", "Bad Request");
                }
                let refresh = self.grant();
                let mut answer = self.issue(&code.scope, now_s);
                answer["refresh_token"] = refresh.into();
                Answer::json(StatusCode::OK, &answer)
            }
            "refresh_token" if self.refresh.get(of("refresh_token")) == Some(&true) => {
                let answer = self.issue(SCOPE, now_s);
                Answer::json(StatusCode::OK, &answer)
            }
            "refresh_token" => refused(400, "invalid_grant", "Token has been expired or revoked."),
            other => refused(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}")),
        }
    }

    fn issue(&mut self, scope: &str, now_s: u64) -> Value {
        let access = self.next("ya29.");
        self.access.retain(|_, ends| now_s < *ends);
        if self.access.len() < TOKENS_MAX {
            self.access.insert(access.clone(), now_s + ACCESS_TOKEN_SECONDS);
        }
        json!({ "access_token": access, "expires_in": ACCESS_TOKEN_SECONDS, "scope": scope, "token_type": "Bearer" })
    }

    pub(super) fn revoke(&mut self, call: &Call) -> Answer {
        let form = parse_form(&String::from_utf8_lossy(&call.body));
        let token = form.get("token").map(String::as_str).unwrap_or_default();
        let known = self.refresh.get_mut(token).filter(|good| **good);
        match known {
            Some(good) => {
                *good = false;
                self.access.clear();
                Answer::json(StatusCode::OK, &json!({}))
            }
            None => refused(400, "invalid_token", "Token expired or revoked"),
        }
    }

    /// The device flow is for televisions: of all scopes it takes a few, and none of Gmail.
    pub(super) fn device_code() -> Answer {
        refused(
            400,
            "invalid_scope",
            "Invalid device flow scope: https://www.googleapis.com/auth/gmail.modify",
        )
    }
}
