//! What is sent with a statement: a value and its type, so that no round trip is needed to learn the types.

use std::borrow::Cow;

use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::task::TaskId;
use proto::time::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A statement and its parameters.
pub(super) struct Statement<'a> {
    pub(super) sql: &'static str,
    pub(super) parameters: Vec<Parameter<'a>>,
}

/// Makes a [`Statement`]: the SQL, then the values of `$1`, `$2`, …
macro_rules! statement {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::postgres::parameter::Statement {
            sql: $sql,
            parameters: vec![$($crate::postgres::parameter::Parameter::from($value)),*],
        }
    };
}
pub(super) use statement;

/// A value and its type.
pub(super) struct Parameter<'a> {
    pub(super) value: Box<dyn ToSql + Sync + Send + 'a>,
    pub(super) kind: Type,
}

impl<'a> Parameter<'a> {
    fn new(value: impl ToSql + Sync + Send + 'a, kind: Type) -> Self {
        Self {
            value: Box::new(value),
            kind,
        }
    }
}

/// Postgres keeps no U+0000 in a text. What carries one (a message, an agent's words) is taken with U+FFFD in its place:
/// refused, it would come back for ever.
pub(super) fn as_stored(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

impl<'a> From<&'a str> for Parameter<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(as_stored(text), Type::TEXT)
    }
}

impl<'a> From<Option<&'a str>> for Parameter<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::new(text.map(as_stored), Type::TEXT)
    }
}

impl<'a> From<&'a String> for Parameter<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Parameter<'_> {
    fn from(text: String) -> Self {
        Self::new(as_stored(&text).into_owned(), Type::TEXT)
    }
}

impl From<Option<String>> for Parameter<'_> {
    fn from(text: Option<String>) -> Self {
        Self::new(text.map(|text| as_stored(&text).into_owned()), Type::TEXT)
    }
}

impl<'a> From<&'a Option<String>> for Parameter<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::from(text.as_deref())
    }
}

/// A column of texts, for `unnest`.
impl<'a> From<Vec<&'a str>> for Parameter<'a> {
    fn from(texts: Vec<&'a str>) -> Self {
        Self::new(texts.into_iter().map(as_stored).collect::<Vec<_>>(), Type::TEXT_ARRAY)
    }
}

impl<'a> From<Vec<Option<&'a str>>> for Parameter<'a> {
    fn from(texts: Vec<Option<&'a str>>) -> Self {
        let texts: Vec<_> = texts.into_iter().map(|text| text.map(as_stored)).collect();
        Self::new(texts, Type::TEXT_ARRAY)
    }
}

impl From<Vec<Option<String>>> for Parameter<'_> {
    fn from(texts: Vec<Option<String>>) -> Self {
        let stored = |text: String| as_stored(&text).into_owned();
        let texts: Vec<_> = texts.into_iter().map(|text| text.map(stored)).collect();
        Self::new(texts, Type::TEXT_ARRAY)
    }
}

impl From<Vec<String>> for Parameter<'_> {
    fn from(texts: Vec<String>) -> Self {
        let texts: Vec<_> = texts.iter().map(|text| as_stored(text).into_owned()).collect();
        Self::new(texts, Type::TEXT_ARRAY)
    }
}

macro_rules! text_ids {
    ($($id:ty),*) => {$(
        impl<'a> From<&'a $id> for Parameter<'a> {
            fn from(id: &'a $id) -> Self {
                Self::from(id.as_str())
            }
        }

        impl<'a> From<Option<&'a $id>> for Parameter<'a> {
            fn from(id: Option<&'a $id>) -> Self {
                Self::from(id.map(|id| id.as_str()))
            }
        }
    )*};
}
text_ids!(GroupId, ChatId, RunnerId, SessionId, TaskId);

macro_rules! values {
    ($($of:ty => $kind:ident, $kinds:ident;)*) => {$(
        impl From<$of> for Parameter<'_> {
            fn from(value: $of) -> Self {
                Self::new(value, Type::$kind)
            }
        }

        impl From<Option<$of>> for Parameter<'_> {
            fn from(value: Option<$of>) -> Self {
                Self::new(value, Type::$kind)
            }
        }

        impl From<Vec<$of>> for Parameter<'_> {
            fn from(values: Vec<$of>) -> Self {
                Self::new(values, Type::$kinds)
            }
        }
    )*};
}
values! {
    i64 => INT8, INT8_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    Uuid => UUID, UUID_ARRAY;
}

macro_rules! converted {
    ($($of:ty: $value:ident => $as:expr;)*) => {$(
        impl From<$of> for Parameter<'_> {
            fn from($value: $of) -> Self {
                Self::from($as)
            }
        }
    )*};
}
converted! {
    u32: count => i64::from(count);
    Option<u32>: count => count.map(i64::from);
    // Nothing counted here comes near the end of a signed number.
    u64: count => i64::try_from(count).unwrap_or(i64::MAX);
    Timestamp: time => time.as_millis();
    Option<Timestamp>: time => time.map(Timestamp::as_millis);
    InboxOrd: ord => ord.0;
    Epoch: epoch => epoch.0;
    Incarnation: life => life.0;
    TurnId: id => id.0;
    Option<TurnId>: id => id.map(|id| id.0);
    OutboxId: id => id.0;
}
