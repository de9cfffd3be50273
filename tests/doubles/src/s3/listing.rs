//! `ListObjectsV2`, in pages.

use super::state::State;
use crate::percent;

/// Keys on one page; far below Amazon's 1000, so that a few objects already make pages.
const PAGE: usize = 3;

pub(super) fn list(state: &State, query: &[(String, String)]) -> String {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
    let after = match value("continuation-token") {
        "" => value("start-after"),
        token => token,
    };
    let found = state.list(value("prefix"), after);
    let page = &found[..found.len().min(PAGE)];
    let contents: String = page.iter().map(|(key, bytes)| entry(key, *bytes)).collect();
    let truncated = found.len() > page.len();
    let next = match page.last().filter(|_| truncated) {
        Some((key, _)) => format!("<NextContinuationToken>{}</NextContinuationToken>", escape(key)),
        None => String::new(),
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{PAGE}</MaxKeys><IsTruncated>{truncated}</IsTruncated>{next}{contents}</ListBucketResult>"#,
        state.bucket,
        escape(value("prefix")),
        page.len()
    )
}

fn entry(key: &str, bytes: usize) -> String {
    let key = escape(key);
    format!(
        "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag><Size>{bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>",
        percent::encode(&key, true)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
