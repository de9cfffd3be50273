//! Loading: gathers the layers from where they are and lays them over one another.

use std::fmt::Display;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::origin::Origins;
use super::problem::Problem;
use super::stack::{Setting, Stack};
use super::variable::PREFIX;
use super::{Environment, Origin, Problems, Variable, dotenv, file};

/// Where the layers are, lowest first.
pub struct Sources {
    /// What was found out about this host, by dotted key.
    pub host: Vec<(String, Value)>,
    /// The configuration file.
    pub file: PathBuf,
    /// Whether somebody named that file, so that it must be there.
    pub file_is_named: bool,
    /// The `.env` file; it may be missing.
    pub dotenv: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// Flags of the command line, by dotted key.
    pub overrides: Vec<(String, Value)>,
}

/// A configuration and where its values come from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The configuration.
    pub config: T,
    pub(super) origins: Origins,
}

/// Loads a configuration. Keys that `T` does not have are refused if `T` denies unknown fields.
///
/// # Errors
/// Everything that is wrong in any layer, whether or not a higher layer would have hidden it.
pub fn load<T>(variables: &[Variable], sources: &Sources) -> Result<Loaded<T>, Problems>
where
    T: Default + Serialize + DeserializeOwned,
{
    let defaults = Table::try_from(T::default()).map_err(|error| {
        Problems(vec![Problem::at(
            Origin::Default,
            format!("cannot be written as TOML: {error}"),
        )])
    })?;
    let mut stack = Stack::new(defaults);
    stack.lay::<T>(pairs(&sources.host, &Origin::Host));
    let layer = from_file(sources, &mut stack.problems);
    stack.lay::<T>(layer);
    let layer = from_dotenv(variables, sources, &mut stack.problems);
    stack.lay::<T>(layer);
    let layer = from_environment(variables, &sources.environment, &mut stack.problems);
    stack.lay::<T>(layer);
    stack.lay::<T>(pairs(&sources.overrides, &Origin::CommandLine));
    let (config, origins) = stack.finish().map_err(Problems)?;
    Ok(Loaded { config, origins })
}

fn from_file(sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Setting> {
    let parsed = match file::read(&sources.file) {
        Ok(Some(text)) => file::parse(&sources.file, &text),
        Ok(None) if sources.file_is_named => Err(Problems(vec![Problem::at(sources.file.display(), "no such file")])),
        Ok(None) => Ok(Vec::new()),
        Err(problem) => Err(Problems(vec![problem])),
    };
    parsed.unwrap_or_else(|found| {
        problems.extend(found.0);
        Vec::new()
    })
}

fn from_dotenv(variables: &[Variable], sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Setting> {
    let path = &sources.dotenv;
    let text = file::read(path).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let text = text.unwrap_or_default();
    let mut entries: Vec<_> = dotenv::parse(&text).collect();
    // As the environment does it: of two variables for one setting the later one in the list of variables wins. The
    // sort is stable, so of two lines for one variable the later one wins.
    entries.sort_by_key(|entry| variables.iter().position(|variable| variable.name == entry.name));
    let mut settings = Vec::new();
    for entry in entries {
        let origin = Origin::DotEnv {
            path: path.clone(),
            line: entry.line,
            name: entry.name.to_owned(),
        };
        take(variables, entry.name, entry.value, origin, &mut settings, problems);
    }
    settings
}

fn from_environment(variables: &[Variable], environment: &Environment, problems: &mut Vec<Problem>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let unknown = environment
        .names()
        .filter(|name| name.starts_with(PREFIX) && !is_known(variables, name));
    problems.extend(unknown.map(|name| unknown_variable(format_args!("environment {name}"))));
    for variable in variables.iter().filter(|variable| variable.key.is_some()) {
        let origin = Origin::Environment {
            name: variable.name.to_owned(),
        };
        match environment.value(variable.name) {
            Some(Ok(text)) => take(variables, variable.name, text, origin, &mut settings, problems),
            Some(Err(_)) => problems.push(Problem::at(origin, "is not UTF-8 text")),
            None => {}
        }
    }
    settings
}

/// Takes one variable: a setting, a problem, or nothing if it is not ours.
fn take(
    variables: &[Variable],
    name: &str,
    text: &str,
    origin: Origin,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    let Some(variable) = variables.iter().find(|variable| variable.name == name) else {
        if name.starts_with(PREFIX) {
            problems.push(unknown_variable(&origin));
        }
        return;
    };
    let Some(key) = variable.key else { return };
    let path = split(key);
    match variable.parse(text) {
        Ok(value) => settings.push(Setting { path, value, origin }),
        Err(reason) => problems.push(Problem::with_key(origin, &path, reason)),
    }
}

fn unknown_variable(place: impl Display) -> Problem {
    Problem::at(
        place,
        format!("unknown variable; all that begin with {PREFIX} are checked"),
    )
}

fn is_known(variables: &[Variable], name: &str) -> bool {
    variables.iter().any(|variable| variable.name == name)
}

fn pairs(pairs: &[(String, Value)], origin: &Origin) -> Vec<Setting> {
    let setting = |(key, value): &(String, Value)| Setting {
        path: split(key),
        value: value.clone(),
        origin: origin.clone(),
    };
    pairs.iter().map(setting).collect()
}

fn split(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}
