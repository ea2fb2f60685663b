//! What needs a corner of the system of its own: a network in which packets vanish, a disk that is small. Both
//! come from namespaces, which a plain user may make on most machines; where not, the fault says so.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::rounds::Rounds;

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("the program id");
    output.stdout.trim_ascii() == b"0"
}

/// The arguments of `unshare` for a network of one's own. PostgreSQL does not run as root, so whoever is not root
/// keeps their name.
fn network() -> &'static [&'static str] {
    if is_root() { &["--net"] } else { &["--map-current-user", "--keep-caps", "--net"] }
}

/// Runs this program again, for one fault, in a network of its own, and takes over how it ended.
pub(crate) fn in_a_network_of_its_own(fault: &'static str, rounds: &Rounds) {
    let works = |command: &mut Command| {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    // Made like the hole itself.
    let script = "ip link set lo up && ip rule add pref 200 lookup local && ip rule add pref 100 blackhole ipproto tcp dport 9";
    if !works(Command::new("unshare").args(network()).args(["sh", "-c", script])) {
        rounds.cannot_be_staged(
            "needs unshare with a network namespace, and ip with rules that make packets vanish",
        );
        return;
    }
    let program = std::env::current_exe().expect("the path of this program");
    let mut inner = Command::new("unshare");
    inner.args(network()).args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]).arg(program);
    inner.args(["--inside", "--only", fault]);
    inner.arg(format!("--rounds={}", rounds.wanted())).arg(format!("--seed={}", rounds.seed()));
    let output = inner.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("unshare runs");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(line) = output.lines().find(|line| line.starts_with(&format!("| {fault} |"))) else {
        panic!("no row of {fault} in:\n{output}");
    };
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let number = |place: usize| cells[place].parse::<f64>().expect("a number in the table");
    let (begun, held, worst) = (number(3), number(4), Duration::from_secs_f64(number(5)));
    for _ in 0..held as usize {
        rounds.next().expect("as many rounds as were wanted").held(worst);
    }
    if begun > held {
        rounds.next();
        panic!(
            "{}",
            output.lines().filter(|line| line.contains("DID NOT HOLD")).collect::<Vec<_>>().join("\n")
        );
    }
}

/// While it is there, no packet to or from a port arrives, and nobody is told.
pub(crate) struct BlackHole {
    port: u64,
}

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().expect("the program ip");
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

impl BlackHole {
    /// Only in a network of one's own.
    pub(crate) fn dig(port: u64) -> Self {
        // The rule for this machine's own addresses comes first of all, so another one of it is made behind the hole.
        ip("rule add pref 200 lookup local");
        ip(&format!("rule add pref 100 blackhole ipproto tcp dport {port}"));
        ip(&format!("rule add pref 101 blackhole ipproto tcp sport {port}"));
        ip("rule del pref 0 lookup local");
        Self { port }
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        ip("rule add pref 0 lookup local");
        ip(&format!("rule del pref 100 blackhole ipproto tcp dport {}", self.port));
        ip(&format!("rule del pref 101 blackhole ipproto tcp sport {}", self.port));
        ip("rule del pref 200 lookup local");
    }
}

/// Whether small disks can be made.
pub(crate) fn can_make_disks() -> bool {
    let mut probe = Command::new("unshare");
    probe.args([
        "-rm",
        "sh",
        "-c",
        "mount -t tmpfs -o size=1m none /mnt || mount -t tmpfs -o size=1m none /tmp",
    ]);
    let probe = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// What starts a server in a namespace in which a folder, with what is in it, lies on a small disk.
pub(crate) fn on_a_small_disk(folder: &Path, mebibytes: u64) -> Vec<String> {
    let script = "set -e\n\
                  mkdir -p \"$1\" && cp -a \"$1\" \"$1.kept\"\n\
                  mount -t tmpfs -o \"size=$2\" none \"$1\"\n\
                  cp -a \"$1.kept/.\" \"$1\" && rm -r \"$1.kept\"\n\
                  shift 2\n\
                  exec \"$@\"";
    let words = ["unshare", "-rm", "sh", "-c", script, "sh"];
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    words.push(folder.to_string_lossy().into_owned());
    words.push(format!("{mebibytes}m"));
    words
}

/// A folder as a process in another namespace sees it.
pub(crate) fn seen_by(process: u32, folder: &Path) -> std::path::PathBuf {
    let inner = folder.strip_prefix("/").expect("an absolute path");
    Path::new("/proc").join(process.to_string()).join("root").join(inner)
}

/// Fills the disk of a folder, but for so many bytes, and gives the file that does.
pub(crate) fn fill(folder: &Path, but_for: u64) -> std::path::PathBuf {
    use std::io::Write;
    let path = folder.join("filler");
    let mut file = std::fs::File::create(&path).expect("a file on the small disk");
    let piece = vec![0_u8; 64 * 1024];
    let mut written = 0_u64;
    while file.write_all(&piece).is_ok() {
        written += piece.len() as u64;
    }
    file.set_len(written.saturating_sub(but_for)).expect("a file that shrinks");
    path
}
