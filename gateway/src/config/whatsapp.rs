//! Settings of WhatsApp.

use anyhow::bail;
use serde::{Deserialize, Serialize};
use service::config::{Secret, range};

use super::WhenUnsure;

/// The business number of WhatsApp (Cloud API); active as soon as it has an access token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhatsApp {
    /// Token of a system user with the permission `whatsapp_business_messaging` (`WHATSAPP_ACCESS_TOKEN`).
    pub access_token: Option<Secret>,
    /// Id of the number, not the number itself (`WHATSAPP_PHONE_NUMBER_ID`).
    pub phone_number_id: Option<String>,
    /// The app's secret, with which notifications are signed (`WHATSAPP_APP_SECRET`).
    pub app_secret: Option<Secret>,
    /// A word of your own, given to Meta with the webhook's address (`WHATSAPP_VERIFY_TOKEN`).
    pub verify_token: Option<Secret>,
    /// What is sent when more than 24 hours have passed since a person last wrote; without it nothing can be.
    pub template: Option<Template>,
    /// What happens to a message when it cannot be known whether it arrived.
    pub resend: WhenUnsure,
    /// Version of the Graph API.
    #[serde(deserialize_with = "range::not_empty")]
    pub api_version: String,
    /// Where Graph is, if not at Meta.
    #[serde(deserialize_with = "range::http_url")]
    pub base_url: Option<String>,
    /// Whether that may be another host than Meta's: it gets the token.
    pub allow_unofficial_host: bool,
}

/// An approved template whose body has one place for a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name.
    #[serde(deserialize_with = "range::not_empty")]
    pub name: String,
    /// Its language, as Meta names it (`en_US`).
    #[serde(deserialize_with = "range::not_empty")]
    pub language: String,
}

/// Credentials that are complete.
pub struct WhatsAppAccount {
    /// See [`WhatsApp::access_token`].
    pub access_token: Secret,
    /// See [`WhatsApp::phone_number_id`].
    pub phone_number_id: String,
    /// See [`WhatsApp::app_secret`].
    pub app_secret: Secret,
    /// See [`WhatsApp::verify_token`].
    pub verify_token: Secret,
}

impl WhatsApp {
    /// The credentials; none, if there is no access token.
    ///
    /// # Errors
    /// When some of them are missing: without them nothing would come in, or nobody would know what came of a message.
    pub fn account(&self) -> anyhow::Result<Option<WhatsAppAccount>> {
        let Some(access_token) = self.access_token.clone() else {
            return Ok(None);
        };
        let (Some(phone_number_id), Some(app_secret), Some(verify_token)) = (
            self.phone_number_id.clone(),
            self.app_secret.clone(),
            self.verify_token.clone(),
        ) else {
            bail!(
                "channels.whatsapp has an access token but not all of phone_number_id, app_secret and verify_token: \
                 docs/channels/whatsapp.md says where to find them (WHATSAPP_PHONE_NUMBER_ID, WHATSAPP_APP_SECRET, \
                 WHATSAPP_VERIFY_TOKEN)"
            );
        };
        if phone_number_id.is_empty() || !phone_number_id.bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("channels.whatsapp.phone_number_id is the id of the number (digits only), not the number itself");
        }
        Ok(Some(WhatsAppAccount {
            access_token,
            phone_number_id,
            app_secret,
            verify_token,
        }))
    }
}

impl Default for WhatsApp {
    fn default() -> Self {
        Self {
            access_token: None,
            phone_number_id: None,
            app_secret: None,
            verify_token: None,
            template: None,
            resend: WhenUnsure::default(),
            api_version: "v23.0".to_owned(),
            base_url: None,
            allow_unofficial_host: false,
        }
    }
}
