//! Who the business is.

use serde_json::{Value, json};

/// What calls must carry as bearer.
pub const ACCESS_TOKEN: &str = "EAAWhatsAppStandInToken";
/// What notifications are signed with.
pub const APP_SECRET: &str = "stand-in-app-secret";
/// What the webhook must know to be subscribed.
pub const VERIFY_TOKEN: &str = "stand-in-verify-token";
/// The business number, as Graph names it.
pub const PHONE_NUMBER_ID: &str = "106540352242922";

/// The business account, as notifications name it.
pub(super) const BUSINESS_ACCOUNT_ID: &str = "102290129340398";
/// The business number as digits.
pub(super) const DISPLAY_NUMBER: &str = "15550783881";

/// The answer to a look at the number.
pub(super) fn phone_number() -> Value {
    json!({
        "verified_name": "Stand-in",
        "code_verification_status": "VERIFIED",
        "display_phone_number": "+1 555-078-3881",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": { "level": "STANDARD" },
        "id": PHONE_NUMBER_ID,
    })
}
