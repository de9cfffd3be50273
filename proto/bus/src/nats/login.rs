//! How this client says who it is. A file is read anew for every connection: one that was replaced holds without a restart.

use std::path::Path;

use async_nats::{Auth, AuthError, ConnectOptions};
use nkeys::KeyPair;
use secrecy::ExposeSecret;

use super::config::Login;
use super::problem::Problem;

/// What a file of the login holds.
struct Proof {
    /// A token signed by the account; none where the server knows the key itself.
    token: Option<String>,
    key: KeyPair,
}

type Parse = fn(&str) -> Result<Proof, String>;

/// Options that log in this way.
///
/// # Errors
/// [`Problem::File`] when a file cannot be used now. One that cannot be used later fails that connection.
pub(super) async fn options(login: &Login) -> Result<ConnectOptions, Problem> {
    match login {
        Login::None => Ok(ConnectOptions::new()),
        Login::Password { user, password } => Ok(ConnectOptions::with_user_and_password(
            user.clone(),
            password.expose_secret().to_owned(),
        )),
        Login::Token(token) => Ok(ConnectOptions::with_token(token.expose_secret().to_owned())),
        Login::NkeySeedFile(path) => from_file("nats.nkey_file", path, seed).await,
        Login::CredentialsFile(path) => from_file("nats.credentials_file", path, credentials).await,
    }
}

async fn from_file(setting: &'static str, path: &Path, parse: Parse) -> Result<ConnectOptions, Problem> {
    load(setting, path, parse).await?;
    let path = path.to_owned();
    Ok(ConnectOptions::with_auth_callback(move |nonce| {
        let path = path.clone();
        async move {
            let Proof { token, key } = load(setting, &path, parse).await.map_err(AuthError::new)?;
            let mut auth = Auth::new();
            auth.signature = Some(key.sign(&nonce).map_err(AuthError::new)?);
            // A token names its key itself.
            auth.nkey = token.is_none().then(|| key.public_key());
            auth.jwt = token;
            Ok(auth)
        }
    }))
}

async fn load(setting: &'static str, path: &Path, parse: Parse) -> Result<Proof, Problem> {
    let text = read(setting, path).await?;
    parse(&text).map_err(|cause| unusable(setting, path, cause))
}

/// Reads a file that a setting names.
pub(super) async fn read(setting: &'static str, path: &Path) -> Result<String, Problem> {
    let read = tokio::fs::read_to_string(path).await;
    read.map_err(|error| unusable(setting, path, error.to_string()))
}

fn unusable(setting: &'static str, path: &Path, cause: String) -> Problem {
    Problem::File {
        setting,
        path: path.display().to_string(),
        cause,
    }
}

fn seed(text: &str) -> Result<Proof, String> {
    let none = "it holds no user seed (one line that begins with SU)";
    let seed = text.trim();
    match KeyPair::from_seed(seed) {
        Ok(key) if seed.starts_with("SU") => Ok(Proof { token: None, key }),
        Ok(_) => Err(none.to_owned()),
        Err(error) => Err(format!("{none}: {error}")),
    }
}

/// Token and seed each stand in one line, below one of dashes that says what begins.
fn credentials(text: &str) -> Result<Proof, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut next = |what: &str| {
        lines.find(|line| line.starts_with("---") && line.contains("BEGIN"));
        lines.next().ok_or_else(|| format!("it holds no {what}"))
    };
    let token = next("token of a user")?.to_owned();
    let key = KeyPair::from_seed(next("seed of a user")?).map_err(|error| error.to_string())?;
    let token = Some(token);
    Ok(Proof { token, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credentials_file_holds_a_token_and_a_seed() {
        let key = KeyPair::new_user();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\neyJ0.e30.x_-\r\n------END NATS USER JWT------\r\n\r\n\
             ************************* IMPORTANT *************************\r\nKeep it.\r\n\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{}\r\n------END USER NKEY SEED------\r\n",
            key.seed().unwrap()
        );
        let proof = credentials(&text).unwrap();
        assert_eq!(proof.token.as_deref(), Some("eyJ0.e30.x_-"));
        assert_eq!(proof.key.public_key(), key.public_key());
        let only_token = text.split_once("****").unwrap().0;
        assert_eq!(credentials(only_token).err().unwrap(), "it holds no seed of a user");
        assert_eq!(credentials("").err().unwrap(), "it holds no token of a user");
    }

    #[test]
    fn only_the_seed_of_a_user_is_one() {
        assert!(seed(&format!("{}\n", KeyPair::new_user().seed().unwrap())).is_ok());
        for other in [
            KeyPair::new_account().seed().unwrap(),
            "SUnonsense".to_owned(),
            String::new(),
        ] {
            let refused = seed(&other).err().unwrap();
            assert!(refused.starts_with("it holds no user seed"), "{refused}");
        }
    }
}
