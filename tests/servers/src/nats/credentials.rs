//! Decentralised accounts, as hosted NATS has them: an operator signs an account, the account signs a user, the user proves
//! to have the key. Tokens are made here since the tool that makes them (nsc) is in no package of Debian.

use anyhow::{Context, Result};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// One operator with one account with one user.
pub(super) struct Credentials {
    /// What the server is told.
    pub(super) config: String,
    /// The client's credentials file.
    pub(super) file: String,
}

impl Credentials {
    pub(super) fn make() -> Result<Self> {
        let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
        // The server's own: JetStream does not start without it, and has none itself.
        let system = KeyPair::new_account();
        let operator_token = token(&operator, &operator, json!({ "type": "operator", "version": 2 }))?;
        let accounts = [
            format!(
                "{}: \"{}\"",
                account.public_key(),
                token(&operator, &account, account_claims(UNLIMITED))?
            ),
            format!(
                "{}: \"{}\"",
                system.public_key(),
                token(&operator, &system, account_claims(0))?
            ),
        ];
        let config = format!(
            "operator: \"{operator_token}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}\n}}\n",
            system.public_key(),
            accounts.join("\n")
        );
        let user_token = token(&account, &user, user_claims())?;
        let seed = user.seed().context("the user's seed")?;
        let file = format!(
            "-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        Ok(Self { config, file })
    }
}

/// What an account's limits are where they are not to be a limit; without them it may do nothing.
const UNLIMITED: i64 = -1;

fn account_claims(jetstream: i64) -> Value {
    json!({ "type": "account", "version": 2, "limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": jetstream, "disk_storage": jetstream, "streams": jetstream, "consumer": jetstream,
    }})
}

fn user_claims() -> Value {
    json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} })
}

fn token(issuer: &KeyPair, subject: &KeyPair, nats: Value) -> Result<String> {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": subject.public_key(), "iat": 0, "iss": issuer.public_key(), "name": "test", "sub": subject.public_key(),
        "nats": nats,
    });
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = issuer.sign(signed.as_bytes()).context("sign a token")?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}
