//! Credentials.

use service::config::Secret;

use crate::config::WhatsApp;

#[test]
fn settings_are_whole_or_refused_with_what_is_missing() {
    let whole = WhatsApp {
        access_token: Some(Secret::new("t")),
        phone_number_id: Some("1".into()),
        app_secret: Some(Secret::new("s")),
        verify_token: Some(Secret::new("v")),
        ..WhatsApp::default()
    };
    assert!(WhatsApp::default().account().unwrap().is_none(), "not configured");
    assert!(whole.account().unwrap().is_some());
    let half = WhatsApp {
        app_secret: None,
        ..whole.clone()
    };
    let refused = half.account().err().unwrap().to_string();
    assert!(refused.contains("WHATSAPP_APP_SECRET"), "{refused}");
    let number = WhatsApp {
        phone_number_id: Some("+49 151".into()),
        ..whole
    };
    assert!(number.account().is_err());
}
