//! Subjects of a blob. A name's segments become tokens, so that names below a prefix are subjects below a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use crate::BlobName;

/// Where the description of a blob lies.
pub(super) fn description(bucket: &str, name: &BlobName) -> String {
    format!("$O.{bucket}.M.{}", URL_SAFE.encode(name.as_str()))
}

/// What the format calls the nuid of an object: tells its pieces' subject.
pub(super) fn nuid(name: &BlobName) -> String {
    // Not in names, but allowed in subjects.
    name.as_str().replace('.', "=").replace('/', ".")
}

/// Where the pieces of a blob lie.
pub(super) fn pieces(bucket: &str, name: &BlobName) -> String {
    format!("$O.{bucket}.C.{}", nuid(name))
}

/// The subjects of all pieces of blobs below a directory; all, when it is empty.
pub(super) fn pieces_below(bucket: &str, dir: &str) -> String {
    match dir {
        "" => format!("$O.{bucket}.C.>"),
        dir => format!("$O.{bucket}.C.{}.>", dir.replace('.', "=").replace('/', ".")),
    }
}

/// The name whose pieces lie at a subject.
pub(super) fn name(bucket: &str, subject: &str) -> Option<BlobName> {
    let nuid = subject.strip_prefix(&format!("$O.{bucket}.C."))?;
    BlobName::parse(&nuid.replace('.', "/").replace('=', ".")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_from_its_subject() {
        let blob = BlobName::parse("groups/team/1-a_b.c.pack").unwrap();
        let subject = pieces("b", &blob);
        assert_eq!(subject, "$O.b.C.groups.team.1-a_b=c=pack");
        assert_eq!(name("b", &subject), Some(blob));
        assert_eq!(pieces_below("b", "groups/team"), "$O.b.C.groups.team.>");
    }
}
