//! Landlock: which files a worker can reach, kept by the kernel.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::Bounds;

/// The newest rights that are asked for; an older kernel keeps those it knows.
const NEWEST: ABI = ABI::V7;

/// What programs read of the system: libraries and time zones, names and certificates, and what the
/// kernel says of this process, of memory and of processors. It holds no secret of the server.
const SYSTEM: [&str; 30] = [
    "/bin",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/lib",
    "/lib64",
    "/nix/store",
    "/usr",
    "/run/systemd/resolve",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/proc/sys/vm",
    "/sys",
];

/// Where names of hosts are looked up may be a link to anywhere.
const RESOLVER: &str = "/etc/resolv.conf";

pub(super) fn confine(bounds: &Bounds) -> Result<String, RulesetError> {
    let all = AccessFs::from_all(NEWEST);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let add = read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::Truncate;
    let system = SYSTEM.iter().map(PathBuf::from);
    let resolver = std::fs::canonicalize(Path::new(RESOLVER)).ok();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        // Paths that do not exist are left out: nothing can be read there.
        .add_rules(path_beneath_rules(&bounds.write, all))?
        .add_rules(path_beneath_rules(&bounds.sources, add))?
        .add_rules(path_beneath_rules(&bounds.read, read))?
        .add_rules(path_beneath_rules(system.chain(resolver), read))?
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        .restrict_self()?;
    Ok(told(&status))
}

fn told(status: &RestrictionStatus) -> String {
    match (&status.ruleset, &status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            "files unconfined: Landlock is not enabled".to_owned()
        }
        (RulesetStatus::NotEnforced, _) => "files unconfined: the kernel has no Landlock".to_owned(),
        (_, LandlockStatus::Available { effective_abi, kernel_abi }) => {
            format!("landlock ABI {}", kernel_abi.unwrap_or(*effective_abi as i32))
        }
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => "landlock".to_owned(),
    }
}
