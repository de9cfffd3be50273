//! A sandbox specification in Docker's terms, hardening included. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount as DockerMount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, ResourcesUlimits,
};

use crate::sandbox::{Limits, Mount, Network, SandboxSpec, Tier};

/// Scheduling period the CPU quota is a share of, in microseconds: the kernel's default.
const CPU_PERIOD_US: i64 = 100_000;
/// When the host runs out of memory, a sandbox goes before the node and its database.
const OOM_SCORE_ADJ: i64 = 500;

pub(super) fn create_body(spec: &SandboxSpec) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        hostname: Some("sandbox".to_owned()),
        user: Some(format!("{uid}:{uid}", uid = spec.uid)),
        // An entrypoint without arguments makes the engine forget the image's: the caller has merged what it wants of them.
        entrypoint: spec.entrypoint.clone(),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(spec.labels.to_map()),
        // Once the one attached client is gone (this process died), the agent reads an end of file.
        open_stdin: Some(spec.interactive),
        stdin_once: Some(spec.interactive),
        attach_stdin: Some(spec.interactive),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..Default::default()
        }),
        host_config: Some(host_config(spec)),
        ..Default::default()
    }
}

fn host_config(spec: &SandboxSpec) -> HostConfig {
    let Limits {
        memory_bytes,
        cpus,
        pids,
        tmpfs_bytes,
    } = spec.limits;
    let memory = i64::try_from(memory_bytes).unwrap_or(i64::MAX);
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        // The default seccomp profile applies as long as none is named here.
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        privileged: Some(false),
        readonly_rootfs: Some(true),
        tmpfs: Some(HashMap::from([
            ("/tmp".to_owned(), tmpfs("1777", spec.uid, tmpfs_bytes)),
            ("/home/node".to_owned(), tmpfs("0700", spec.uid, tmpfs_bytes)),
        ])),
        mounts: Some(spec.mounts.iter().map(bind).collect()),
        memory: Some(memory),
        memory_swap: Some(memory), // memory and swap together: no swap
        // A quota, not `nano_cpus`: the engine refuses that one beyond the processors it has.
        cpu_period: Some(CPU_PERIOD_US),
        cpu_quota: Some(cpu_quota(cpus)),
        pids_limit: Some(i64::from(pids)),
        // A core file would hold the run's token and the conversation.
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("core".to_owned()),
            soft: Some(0),
            hard: Some(0),
        }]),
        oom_score_adj: Some(OOM_SCORE_ADJ),
        network_mode: Some(match spec.network {
            Network::None => "none".to_owned(),
            Network::Bridge => "bridge".to_owned(),
        }),
        extra_hosts: match spec.network {
            Network::None => None,
            Network::Bridge => Some(vec!["host.docker.internal:host-gateway".to_owned()]),
        },
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        init: Some(true),
        auto_remove: Some(false),
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        runtime: oci_runtime(spec.tier).map(str::to_owned),
        ..Default::default()
    }
}

/// The sandbox's user owns it: runc before 1.2 gives it the mode of the image's directory, whatever is asked for here.
fn tmpfs(mode: &str, uid: u32, bytes: u64) -> String {
    format!("rw,exec,nosuid,nodev,mode={mode},uid={uid},gid={uid},size={bytes}")
}

fn bind(
    Mount {
        source,
        target,
        read_only,
    }: &Mount,
) -> DockerMount {
    DockerMount {
        typ: Some(MountType::BIND),
        // Fields, not one string with colons: nothing in a path is an option (CR-D10).
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.clone()),
        read_only: Some(*read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            // Read-only reaches only the top mount on engines before 25: what is mounted below stays out instead.
            non_recursive: Some(*read_only),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn cpu_quota(cpus: f64) -> i64 {
    /// Smallest quota the kernel takes, in microseconds.
    const QUOTA_MIN_US: i64 = 1_000;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a share of a processor needs no more"
    )]
    let quota = (cpus * CPU_PERIOD_US as f64) as i64;
    quota.max(QUOTA_MIN_US)
}

/// Name under which the engine knows the tier's OCI runtime; `None` is its default.
fn oci_runtime(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Container => None,
        Tier::Gvisor => Some("runsc"),
        Tier::Microvm => Some("kata"),
    }
}
