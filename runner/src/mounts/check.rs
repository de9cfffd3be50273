//! Judges the mounts a group asks for.

use std::path::{Path, PathBuf};

use proto::group::AdditionalMount;

use super::target::{collide, relative_target};
use super::{Allowlist, EXTRA_DIR, Pattern, Refusal, Root, Shadows};
use crate::sandbox::Mount;

/// What decides about extra mounts on this host.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The allowlist file; it is never mounted itself.
    pub allowlist: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// Parts of the installation: data directory, configuration, `.env`, engine socket. Neither they, nor what lies in them,
    /// nor what holds them is mounted.
    pub installation: Vec<PathBuf>,
    /// What covers credential files in mounted directories.
    pub shadows: Shadows,
}

/// The judgement.
#[derive(Debug, Default)]
pub struct Checked {
    /// What to mount, shadows after what they cover.
    pub mounts: Vec<Mount>,
    /// What is left out; the sandbox starts without it (MS-09). For the log and the audit.
    pub refused: Vec<RefusedMount>,
}

/// A mount that is left out.
#[derive(Debug)]
pub struct RefusedMount {
    /// Host path as asked for.
    pub host_path: String,
    /// Why.
    pub refusal: Refusal,
}

impl Policy {
    /// Judges each mount by the allowlist as it is now. Reads the file system; blocks.
    pub fn check(&self, wanted: &[AdditionalMount], is_main: bool) -> Checked {
        let mut checked = Checked::default();
        if wanted.is_empty() {
            return checked;
        }
        let allowlist = Allowlist::read(&self.allowlist);
        let mut targets: Vec<String> = Vec::new();
        for mount in wanted {
            let judged = match &allowlist {
                Ok(allowlist) => self.judge(allowlist, mount, is_main, &targets),
                Err(reason) => Err(Refusal::no_allowlist(&self.allowlist, reason)),
            };
            match judged {
                Ok((target, mounts)) => {
                    targets.push(target);
                    checked.mounts.extend(mounts);
                }
                Err(refusal) => checked.refused.push(RefusedMount {
                    host_path: mount.host_path.clone(),
                    refusal,
                }),
            }
        }
        checked
    }

    fn judge(
        &self,
        allowlist: &Allowlist,
        wanted: &AdditionalMount,
        is_main: bool,
        targets: &[String],
    ) -> Result<(String, Vec<Mount>), Refusal> {
        let expanded = self.expand(&wanted.host_path).ok_or(Refusal::NotAbsolute)?;
        let relative = relative_target(wanted.container_path.as_deref(), &expanded).ok_or(Refusal::ContainerPath)?;
        if targets.iter().any(|taken| collide(taken, &relative)) {
            return Err(Refusal::Collision);
        }
        let source = expanded.canonicalize().map_err(Refusal::Unresolvable)?;
        source.to_str().ok_or(Refusal::NotUtf8)?;
        let kind = source.metadata().map_err(Refusal::Unresolvable)?;
        if !kind.is_dir() && !kind.is_file() {
            return Err(Refusal::NotAFile);
        }
        self.refuse_installation(&source)?;
        let patterns = allowlist.blocked_patterns.iter().filter_map(|text| Pattern::new(text));
        let blocked: Vec<Pattern> = Pattern::built_in().chain(patterns).collect();
        if let Some(pattern) = blocked.iter().find(|pattern| pattern.fits(&source)) {
            return Err(Refusal::Blocked(pattern.as_str().to_owned()));
        }
        let root = self.root_of(allowlist, &source).ok_or(Refusal::OutsideRoots)?;
        let writable = decide_writable(wanted, root, is_main, allowlist.non_main_read_only);
        let target = format!("{EXTRA_DIR}/{relative}");
        let shadows = if kind.is_dir() {
            self.shadows.over(&source, &target, &blocked)?
        } else {
            Vec::new()
        };
        let mut mounts = vec![Mount {
            source,
            target,
            read_only: !writable,
        }];
        mounts.extend(shadows);
        Ok((relative, mounts))
    }

    fn refuse_installation(&self, source: &Path) -> Result<(), Refusal> {
        for part in self.installation.iter().chain([&self.allowlist]) {
            // A part that does not exist yet is compared as written.
            let resolved = part.canonicalize().unwrap_or_else(|_| part.clone());
            if source.starts_with(&resolved) || resolved.starts_with(source) {
                return Err(Refusal::Installation(part.clone()));
            }
        }
        Ok(())
    }

    fn root_of<'a>(&self, allowlist: &'a Allowlist, source: &Path) -> Option<&'a Root> {
        allowlist.allowed_roots.iter().find(|root| {
            let resolved = self.expand(&root.path).and_then(|path| path.canonicalize().ok());
            resolved.is_some_and(|resolved| source.starts_with(resolved))
        })
    }

    fn expand(&self, path: &str) -> Option<PathBuf> {
        let expanded = match (path, path.strip_prefix("~/")) {
            ("~", _) => self.home.clone()?,
            (_, Some(below)) => self.home.as_ref()?.join(below),
            _ => PathBuf::from(path),
        };
        expanded.is_absolute().then_some(expanded)
    }
}

/// Read-only unless writing is asked for, and allowed both to the root and to the group (MS-08; MG-08 for main).
fn decide_writable(wanted: &AdditionalMount, root: &Root, is_main: bool, non_main_read_only: bool) -> bool {
    wanted.readonly == Some(false) && root.allow_read_write && (is_main || !non_main_read_only)
}
