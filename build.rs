//! Embeds the build context of the agent image, so that an installed binary can build its image without the repository.
//!
//! Writes `agent_image_context.rs`: a sorted list of `(path in the context, content)`. Only what the Dockerfile copies is
//! taken; `src/cli/image/context.rs` includes the list.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its directories in the environment"
)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What the Dockerfile copies: files, and directories taken whole.
const INPUTS: [&str; 5] = [
    "Dockerfile",
    "agent-runner/package.json",
    "agent-runner/package-lock.json",
    "agent-runner/tsconfig.json",
    "agent-runner/src",
];

fn main() -> io::Result<()> {
    let root =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts")).join("container");
    let mut files = Vec::new();
    for input in INPUTS {
        let path = root.join(input);
        println!("cargo:rerun-if-changed={}", path.display());
        collect(&path, &mut files)?;
    }
    files.sort();

    let mut list = String::from("&[\n");
    for file in &files {
        let name = file
            .strip_prefix(&root)
            .expect("collected below the root")
            .to_str()
            .expect("our paths are ASCII");
        list.push_str(&format!(
            "    ({name:?}, include_bytes!({:?}).as_slice()),\n",
            file.display().to_string()
        ));
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it for build scripts"));
    fs::write(out.join("agent_image_context.rs"), list)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(named)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        fs::metadata(path).map_err(named)?;
        files.push(path.to_owned());
    }
    Ok(())
}
