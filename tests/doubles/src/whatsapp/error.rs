//! Graph's errors: its codes in its words.

use http::StatusCode;
use serde_json::{Value, json};

use crate::platform::Answer;

/// An error of the Graph API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The status it is answered with.
    pub status: StatusCode,
    /// The code: what callers are to branch on.
    pub code: u32,
    /// The subcode, where there is one.
    pub subcode: Option<u32>,
    /// What is said, without the code.
    pub title: String,
    /// What is said beside it.
    pub details: Option<String>,
}

impl GraphError {
    fn new(status: u16, code: u32, title: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            code,
            subcode: None,
            title: title.into(),
            details: None,
        }
    }

    fn subcode(self, subcode: u32) -> Self {
        Self {
            subcode: Some(subcode),
            ..self
        }
    }

    fn details(self, details: impl Into<String>) -> Self {
        Self {
            details: Some(details.into()),
            ..self
        }
    }

    /// 104: no token came with the call.
    #[must_use]
    pub fn no_token() -> Self {
        Self::new(401, 104, "An access token is required to request this resource.")
    }

    /// 190: the token is not, or no longer, good.
    #[must_use]
    pub fn token_refused() -> Self {
        let title = "Error validating access token: The session has been invalidated because the user changed their \
                     password or Facebook has changed the session for security reasons.";
        Self::new(401, 190, title).subcode(460)
    }

    /// 100/33: no such object, or not for this token.
    #[must_use]
    pub fn no_object(id: &str) -> Self {
        let title = format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or \
             does not support this operation."
        );
        Self::new(400, 100, title).subcode(33)
    }

    /// 100: a parameter that Graph does not take.
    #[must_use]
    pub fn invalid(details: impl Into<String>) -> Self {
        Self::new(400, 100, "Invalid parameter").details(details)
    }

    /// 131008: a parameter is missing.
    #[must_use]
    pub fn missing(parameter: &str) -> Self {
        Self::new(400, 131_008, "Required parameter is missing")
            .details(format!("Parameter of type {parameter} is missing."))
    }

    /// 131047: free text after the 24 hours.
    #[must_use]
    pub fn re_engagement() -> Self {
        Self::new(400, 131_047, "Re-engagement message").details(
            "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
        )
    }

    /// 131026: nobody receives there.
    #[must_use]
    pub fn undeliverable() -> Self {
        Self::new(400, 131_026, "Message undeliverable").details("Message Undeliverable.")
    }

    /// 130429: more than the number may send.
    #[must_use]
    pub fn rate_limit() -> Self {
        Self::new(400, 130_429, "Rate limit hit")
            .details("Message failed to send because there were too many messages sent from this phone number in a short period of time.")
    }

    /// 131056: more than one person may be sent.
    #[must_use]
    pub fn pair_rate_limit() -> Self {
        Self::new(400, 131_056, "(Business Account, Consumer Account) pair rate limit hit").details(
            "Message failed to send because there were too many messages sent from this phone number to the same phone \
             number in a short period of time.",
        )
    }

    /// 80007: more calls than the account may make.
    #[must_use]
    pub fn account_rate_limit() -> Self {
        Self::new(400, 80_007, "Rate limit issues").details("The WhatsApp Business Account has reached its rate limit.")
    }

    /// 131000: nobody knows why.
    #[must_use]
    pub fn something_went_wrong() -> Self {
        Self::new(500, 131_000, "Something went wrong").details("Message failed to send due to an unknown error.")
    }

    /// 131016: not now.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, 131_016, "Service unavailable").details("A service is temporarily unavailable.")
    }

    /// 131053: a file that is not taken.
    #[must_use]
    pub fn media_upload(details: impl Into<String>) -> Self {
        Self::new(400, 131_053, "Media upload error").details(details)
    }

    /// 132000: a template with other parameters than it has.
    #[must_use]
    pub fn template_parameters(expected: usize, given: usize) -> Self {
        Self::new(
            400,
            132_000,
            "Number of parameters does not match the expected number of params",
        )
        .details(format!(
            "body: number of localizable_params ({given}) does not match the expected number of params ({expected})"
        ))
    }

    /// 132001: no such template.
    #[must_use]
    pub fn no_template(name: &str, language: &str) -> Self {
        Self::new(404, 132_001, "Template name does not exist in the translation")
            .details(format!("template name ({name}) does not exist in {language}"))
    }

    /// 132005: a template that becomes too long.
    #[must_use]
    pub fn template_too_long() -> Self {
        Self::new(400, 132_005, "Translated text too long").details("Body's text is too long")
    }

    /// 132018: a parameter with characters that templates do not take.
    #[must_use]
    pub fn template_characters() -> Self {
        Self::new(400, 132_018, "There's an issue with the parameters in your template")
            .details("Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    }

    /// 131051: a message of a person that the Cloud API cannot say.
    #[must_use]
    pub fn unknown_message_type() -> Self {
        Self::new(400, 131_051, "Message type unknown").details("Message type is currently not supported.")
    }

    /// As it is answered.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let mut error = json!({
            "message": format!("(#{}) {}", self.code, self.title),
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "AStandInTraceIdAAAAAAAA",
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({ "messaging_product": "whatsapp", "details": details });
        }
        Answer::json(self.status, &json!({ "error": error }))
    }

    /// As a `failed` status or an unsupported message carries it.
    #[must_use]
    pub fn in_notification(&self) -> Value {
        json!({
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": { "details": self.details.as_deref().unwrap_or(&self.title) },
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        })
    }
}
