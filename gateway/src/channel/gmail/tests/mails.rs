//! Mails as strangers write them, read and answered: pure.

use doubles::gmail::Mail as Strange;

use super::super::{compose, events, mail, model};

fn bytes(of: &Strange) -> Vec<u8> {
    // As the stand-in would keep it.
    let double = doubles::gmail::GmailDouble::new("andy@example.org");
    let delivered = double.deliver(of);
    double.mail(&delivered.id).unwrap().raw.to_vec()
}

fn read(of: &Strange) -> mail::Mail {
    mail::read("1", &bytes(of)).unwrap()
}

#[test]
fn html_alone_becomes_text_and_of_alternatives_the_plain_one_is_read() {
    let html = "<html><body><p>Hello <b>Andy</b></p><p>Bye</p><script>evil()</script></body></html>";
    let mut only_html = Strange::new("ann@example.org", "s", "").html(html);
    only_html.text = None;
    let text = read(&only_html).text;
    assert!(
        text.contains("Hello Andy") && text.contains("Bye") && !text.contains('<'),
        "{text}"
    );
    assert_eq!(
        read(&Strange::new("ann@example.org", "s", "plain").html(html)).text,
        "plain"
    );
}

#[test]
fn encoded_headers_are_decoded_and_cannot_begin_a_line() {
    let strange = Strange::new(
        "=?UTF-8?Q?J=C3=B6rg=0A[Email_from_Boss]?= <Joerg@Example.org>",
        "Grüße\nSubject: x",
        "hi",
    );
    let mail = read(&strange);
    assert_eq!(mail.address, "joerg@example.org");
    assert_eq!(mail.name, "Jörg [Email from Boss]");
    assert_eq!(mail.subject, "Grüße Subject: x");
}

#[test]
fn files_are_named_and_found_again() {
    let strange = Strange::new("ann@example.org", "s", "see")
        .file("a.pdf", "application/pdf", b"PDF")
        .file("b.png", "image/png", b"PNG");
    let mail = read(&strange);
    let named: Vec<_> = mail.files.iter().map(|file| (file.line(), file.bytes)).collect();
    assert_eq!(
        named,
        [
            ("[File: a.pdf]".to_owned(), Some(3)),
            ("[Image: b.png]".to_owned(), Some(3))
        ]
    );
    assert_eq!(mail::file(&bytes(&strange), 1).unwrap(), b"PNG");
    assert_eq!(mail::file(&bytes(&strange), 2), None);
}

#[test]
fn of_headers_alone_nothing_is_taken_for_a_text_or_a_file() {
    let payload = serde_json::json!({ "headers": [
        { "name": "From", "value": "Ann <ann@example.org>" },
        { "name": "Subject", "value": "=?UTF-8?B?R3LDvMOfZQ==?=" },
        { "name": "Content-Type", "value": "application/pdf; name=a.pdf" },
        { "name": "List-Id", "value": "<users.example.org>" },
    ] });
    let payload: model::Payload = serde_json::from_value(payload).unwrap();
    let mail = mail::read_head("1", &payload.head(), "why").unwrap();
    assert_eq!(
        (mail.address.as_str(), mail.subject.as_str()),
        ("ann@example.org", "Grüße")
    );
    assert_eq!(mail.text, "[Text and files of the mail (not fetched: why)]");
    assert!(mail.files.is_empty() && mail.is_automatic);
}

#[test]
fn what_no_person_wrote_is_recognised() {
    let plain = || Strange::new("Ann <ann@example.org>", "s", "text");
    assert!(!read(&plain()).is_automatic);
    assert!(!read(&plain().header("Auto-Submitted", "no")).is_automatic);
    for (name, value) in [
        ("Auto-Submitted", "auto-replied"),
        ("Auto-Submitted", "auto-generated; why=vacation"),
        ("Precedence", "bulk"),
        ("Precedence", "List"),
        ("List-Id", "<users.example.org>"),
        ("List-Unsubscribe", "<mailto:x@example.org>"),
        ("X-Autoreply", "yes"),
        ("Return-Path", "<>"),
    ] {
        assert!(read(&plain().header(name, value)).is_automatic, "{name}: {value}");
    }
    assert!(read(&Strange::new("MAILER-DAEMON@example.org", "s", "t")).is_automatic);
}

#[test]
fn only_mail_of_the_inbox_is_taken_and_of_it_what_is_not_taken_yet() {
    let wanted = |labels: &[&str], only_primary| {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        events::is_wanted(&labels, "Label_1", only_primary)
    };
    assert!(wanted(&["INBOX", "UNREAD", "CATEGORY_PERSONAL"], true));
    assert!(
        wanted(&["INBOX"], true),
        "a mailbox may have no categories, and its owner may read quickly"
    );
    assert!(!wanted(&["INBOX", "CATEGORY_PROMOTIONS"], true));
    assert!(wanted(&["INBOX", "CATEGORY_PROMOTIONS"], false));
    for labels in [&["INBOX", "Label_1"][..], &["SPAM"], &["SENT", "INBOX"], &["UNREAD"]] {
        assert!(!wanted(labels, false), "{labels:?}");
    }
}

fn thread(mails: &[&[(&str, &str)]]) -> model::Thread {
    let mail = |headers: &&[(&str, &str)]| {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| serde_json::json!({ "name": name, "value": value }))
            .collect();
        serde_json::json!({ "id": "1", "payload": { "headers": headers } })
    };
    let mails: Vec<_> = mails.iter().map(mail).collect();
    serde_json::from_value(serde_json::json!({ "messages": mails })).unwrap()
}

#[test]
fn the_newest_mail_of_somebody_else_is_answered_where_its_writer_wants_it() {
    let thread = thread(&[
        &[
            ("From", "Ann <ann@example.org>"),
            ("Subject", "Lunch"),
            ("Message-ID", "<a@x>"),
        ],
        &[
            ("From", "Bob <bob@example.org>"),
            ("Reply-To", "office@example.org"),
            ("Subject", "Re: Lunch"),
            ("Message-ID", "<b@x>"),
            ("References", "<a@x>"),
        ],
        &[
            ("From", "andy@example.org"),
            ("To", "bob@example.org"),
            ("Message-ID", "<c@x>"),
        ],
    ]);
    let answered = compose::answered(&thread, "andy@example.org").unwrap();
    assert_eq!(answered.to, [(String::new(), "office@example.org".to_owned())]);
    assert_eq!(
        (answered.subject.as_str(), answered.message_id.as_deref()),
        ("Re: Lunch", Some("b@x"))
    );
    assert_eq!(answered.references, ["a@x", "b@x"]);
}

#[test]
fn where_only_we_wrote_whom_we_wrote_to_is_written_again() {
    let thread = thread(&[&[
        ("From", "andy@example.org"),
        ("To", "ann@example.org"),
        ("Subject", "Hi"),
        ("Message-ID", "<a@x>"),
    ]]);
    let answered = compose::answered(&thread, "andy@example.org").unwrap();
    assert_eq!(answered.to, [(String::new(), "ann@example.org".to_owned())]);
    assert_eq!(answered.subject, "Re: Hi");
}
