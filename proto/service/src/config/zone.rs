//! An IANA time zone as a setting.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Directory names under which zones are known by path (`TZ=:/usr/share/zoneinfo/Europe/Paris`).
const ZONE_DIRECTORY: &str = "zoneinfo/";

/// A time zone, for example `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

/// Why a text names no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IANA time zone; use a name such as \"Europe/Berlin\" or \"UTC\"")]
pub struct UnknownZone(String);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone itself.
    pub fn tz(self) -> Tz {
        self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// Takes a name, and the forms that `TZ` may have around a name: a colon before it, the path of its file. Rules in
    /// POSIX form (`CET-1CEST`) name no place and are refused; those that are also IANA names (`EST5EDT`) are taken.
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let name = text.strip_prefix(':').unwrap_or(text);
        let name = match name.rsplit_once(ZONE_DIRECTORY) {
            Some((before, name)) if before.starts_with('/') => name,
            _ => name,
        };
        name.parse()
            .map(Self)
            .map_err(|_| UnknownZone(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_tz_around_a_name_are_understood() {
        let forms = [
            ":America/New_York",
            "America/New_York",
            "/usr/share/zoneinfo/America/New_York",
        ];
        for text in forms.into_iter().chain([":/usr/share/zoneinfo/America/New_York"]) {
            assert_eq!(text.parse::<Zone>().unwrap().tz(), Tz::America__New_York, "{text}");
        }
        assert_eq!("EST5EDT".parse::<Zone>().unwrap().tz(), Tz::EST5EDT);
        assert_eq!("UTC".parse(), Ok(Zone::UTC));
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in ["CET-1CEST", "<+03>-3", "Mars/Olympus", "/etc/localtime", "", " UTC"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
