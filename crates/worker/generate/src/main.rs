//! Writes `src/protocol/generated.rs` of the crate above from `proto/worker.proto`. Run it by
//! `scripts/generate-protocol` after a change to the .proto file, and commit what it writes.

use std::path::Path;

/// What carries secrets cannot be shown by mistake: it gets no `Debug`.
const SECRET: [&str; 7] = [
    "forebay.worker.v1.StartRun",
    "forebay.worker.v1.RunCommand",
    "forebay.worker.v1.RunCommand.command",
    "forebay.worker.v1.CheckRequest",
    "forebay.worker.v1.DiscoverRequest",
    "forebay.worker.v1.PreviewRequest",
    "forebay.worker.v1.ExplainRequest",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let out = tempdir()?;
    let files = protox::compile(["worker.proto"], [worker.join("proto")])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .skip_debug(SECRET)
        .out_dir(&out)
        .compile_fds(files)?;
    let code = std::fs::read_to_string(out.join("forebay.worker.v1.rs"))?;
    let note = "// Written by scripts/generate-protocol from proto/worker.proto: change that one.\n\n";
    std::fs::write(worker.join("src/protocol/generated.rs"), format!("{note}{code}"))?;
    Ok(())
}

/// The folder that Cargo keeps for this package's build, so that nothing is left elsewhere.
fn tempdir() -> std::io::Result<std::path::PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/generated");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
