//! Lists of a platform's objects, read one by one: one that is not understood is left out with a warning, and does not take
//! the others with it. It would come again with every reading of the same list.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// One object, if it is understood.
pub(super) fn one<T: DeserializeOwned>(object: &Value) -> Option<T> {
    match T::deserialize(object) {
        Ok(read) => Some(read),
        Err(error) => {
            let (kind, reason) = (std::any::type_name::<T>(), reason(&error));
            tracing::warn!(
                object.kind = kind,
                reason,
                "an object of a platform's is not understood and left out"
            );
            None
        }
    }
}

/// A list, for `deserialize_with`: those of its objects that are understood.
pub(super) fn each<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::<Value>::deserialize(deserializer)?;
    Ok(list.iter().filter_map(one).collect())
}

/// The error without what the object says: it shows the value that was not expected.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None if said.starts_with("missing field") => said,
        None => "another form".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Object {
        text: String,
    }

    #[derive(Deserialize)]
    struct List {
        #[serde(default, deserialize_with = "each")]
        objects: Vec<Object>,
    }

    #[test]
    fn what_is_not_understood_does_not_take_the_rest_with_it() {
        let read = |list: Value| List::deserialize(&list).map(|list| list.objects);
        let object = |text: &str| Object { text: text.to_owned() };
        let odd = json!({ "objects": [{ "text": "a" }, {}, { "text": null }, 7, { "text": "b" }] });
        assert_eq!(read(odd).unwrap(), [object("a"), object("b")]);
        assert_eq!(read(json!({})).unwrap(), []);
        assert!(read(json!({ "objects": 7 })).is_err(), "that is no list");
    }

    #[test]
    fn a_warning_says_nothing_of_what_was_written() {
        let of = |object: Value| reason(&u8::deserialize(&object).unwrap_err());
        assert_eq!(of(json!("a secret, expected by nobody")), "expected u8");
        assert_eq!(
            reason(&Object::deserialize(&json!({})).unwrap_err()),
            "missing field `text`"
        );
    }
}
