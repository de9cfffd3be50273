//! Where sandboxes run, by configuration.

use std::path::Path;
use std::sync::Arc;

use runner::config::Sandbox;
use runner::sandbox::SandboxRuntime;
use runner::sandbox::docker::DockerRuntime;

/// Engine address that means plain processes, in builds that know them.
#[cfg(feature = "process-sandbox")]
const PROCESSES: &str = "process";

/// Opens the runtime that `sandbox.engine` names.
///
/// # Errors
/// When what it keeps cannot be kept.
pub(crate) fn open(sandbox: &Sandbox, install: &str, data_dir: &Path) -> anyhow::Result<Arc<dyn SandboxRuntime>> {
    #[cfg(feature = "process-sandbox")]
    if sandbox.engine.as_deref() == Some(PROCESSES) {
        use runner::sandbox::process::ProcessRuntime;
        tracing::warn!("sandboxes are plain processes: nothing isolates them");
        return Ok(Arc::new(ProcessRuntime::open(data_dir.join("processes"), install)?));
    }
    let _ = data_dir;
    Ok(Arc::new(DockerRuntime::new(sandbox.engine.clone(), install)))
}
